"""Classes of ImageNet-1K that subsets are made of, and the subsets that papers have published.

A class's number is its position among the 1000 WordNet ids in their order, as `ImageFolder` numbers
the folders of ImageNet-1K. A name is the first of its words in WordNet, as timm lists them.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Cazenavette et al., *Dataset Distillation by Matching Training Trajectories*, CVPR 2022, in its
#: public code; label k is the class at position k.
MTT: Mapping[str, tuple[int, ...]] = {
    "nette": (0, 217, 482, 491, 497, 566, 569, 571, 574, 701),
    "woof": (193, 182, 258, 162, 155, 167, 159, 273, 207, 229),
    "meow": (281, 282, 283, 284, 285, 291, 292, 290, 289, 287),
    "squawk": (84, 130, 88, 144, 145, 22, 96, 9, 100, 89),
    "fruit": (953, 954, 949, 950, 951, 957, 952, 945, 943, 948),
    "yellow": (309, 986, 954, 951, 987, 779, 599, 291, 72, 11),
}
#: Comp-DD of Wang et al., *Emphasizing Discriminative Features for Dataset Distillation in Complex
#: Scenarios*, CVPR 2025, appendix D.1, as in its public code. Music-Hard has the banjo twice.
COMP_DD: Mapping[str, tuple[int, ...]] = {
    "bird_hard": (14, 19, 91, 15, 13, 95, 10, 16, 20, 12),
    "bird_easy": (130, 140, 83, 142, 134, 139, 88, 90, 144, 21),
    "dog_hard": (239, 238, 247, 195, 151, 266, 157, 181, 154, 217),
    "dog_easy": (193, 180, 227, 167, 246, 248, 224, 177, 269, 252),
    "car_hard": (802, 660, 829, 627, 609, 575, 573, 867, 734, 408),
    "car_easy": (581, 535, 717, 817, 511, 436, 656, 757, 661, 751),
    "snake_hard": (46, 42, 41, 40, 43, 58, 65, 59, 53, 52),
    "snake_easy": (64, 57, 55, 56, 61, 62, 68, 67, 54, 60),
    "insect_hard": (301, 326, 324, 305, 325, 300, 318, 320, 70, 322),
    "insect_easy": (323, 314, 310, 309, 306, 308, 302, 313, 303, 315),
    "fish_hard": (0, 391, 389, 395, 4, 396, 2, 394, 50, 103),
    "fish_easy": (5, 1, 6, 397, 390, 3, 392, 393, 148, 147),
    "round_hard": (852, 805, 736, 892, 429, 574, 722, 522, 752, 971),
    "round_easy": (417, 560, 953, 826, 426, 981, 430, 890, 746, 768),
    "music_hard": (420, 594, 420, 579, 402, 776, 486, 401, 546, 558),
    "music_easy": (542, 687, 494, 566, 642, 513, 875, 683, 889, 881),
}

#: Classes like those of CIFAR-10, of the same paper's figure 1, as in its public code, whose second
#: class is a bird where CIFAR-10 has automobiles.
LIKE_CIFAR10: Mapping[str, tuple[int, ...]] = {
    "in1k_cifar10": (404, 136, 130, 283, 354, 252, 31, 339, 628, 864),
}

_LISTED = """\
  0 n01440764 tench
  1 n01443537 goldfish
  2 n01484850 great white shark
  3 n01491361 tiger shark
  4 n01494475 hammerhead
  5 n01496331 electric ray
  6 n01498041 stingray
  9 n01518878 ostrich
 10 n01530575 brambling
 11 n01531178 goldfinch
 12 n01532829 house finch
 13 n01534433 junco
 14 n01537544 indigo bunting
 15 n01558993 robin
 16 n01560419 bulbul
 19 n01592084 chickadee
 20 n01601694 water ouzel
 21 n01608432 kite
 22 n01614925 bald eagle
 31 n01644373 tree frog
 40 n01682714 American chameleon
 41 n01685808 whiptail
 42 n01687978 agama
 43 n01688243 frilled lizard
 46 n01693334 green lizard
 50 n01698640 American alligator
 52 n01728572 thunder snake
 53 n01728920 ringneck snake
 54 n01729322 hognose snake
 55 n01729977 green snake
 56 n01734418 king snake
 57 n01735189 garter snake
 58 n01737021 water snake
 59 n01739381 vine snake
 60 n01740131 night snake
 61 n01742172 boa constrictor
 62 n01744401 rock python
 64 n01749939 green mamba
 65 n01751748 sea snake
 67 n01755581 diamondback
 68 n01756291 sidewinder
 70 n01770081 harvestman
 72 n01773157 black and gold garden spider
 83 n01798484 prairie chicken
 84 n01806143 peacock
 88 n01818515 macaw
 89 n01819313 sulphur-crested cockatoo
 90 n01820546 lorikeet
 91 n01824575 coucal
 95 n01843065 jacamar
 96 n01843383 toucan
100 n01860187 black swan
103 n01873310 platypus
130 n02007558 flamingo
134 n02012849 crane
136 n02017213 European gallinule
139 n02025239 ruddy turnstone
140 n02027492 red-backed sandpiper
142 n02033041 dowitcher
144 n02051845 pelican
145 n02056570 king penguin
147 n02066245 grey whale
148 n02071294 killer whale
151 n02085620 Chihuahua
154 n02086079 Pekinese
155 n02086240 Shih-Tzu
157 n02086910 papillon
159 n02087394 Rhodesian ridgeback
162 n02088364 beagle
167 n02089973 English foxhound
177 n02092002 Scottish deerhound
180 n02093428 American Staffordshire terrier
181 n02093647 Bedlington terrier
182 n02093754 Border terrier
193 n02096294 Australian terrier
195 n02096585 Boston bull
207 n02099601 golden retriever
217 n02102040 English springer
224 n02105056 groenendael
227 n02105412 kelpie
229 n02105641 Old English sheepdog
238 n02107574 Greater Swiss Mountain dog
239 n02107683 Bernese mountain dog
246 n02109047 Great Dane
247 n02109525 Saint Bernard
248 n02109961 Eskimo dog
252 n02110627 affenpinscher
258 n02111889 Samoyed
266 n02113712 miniature poodle
269 n02114367 timber wolf
273 n02115641 dingo
281 n02123045 tabby
282 n02123159 tiger cat
283 n02123394 Persian cat
284 n02123597 Siamese cat
285 n02124075 Egyptian cat
287 n02127052 lynx
289 n02128757 snow leopard
290 n02128925 jaguar
291 n02129165 lion
292 n02129604 tiger
300 n02165105 tiger beetle
301 n02165456 ladybug
302 n02167151 ground beetle
303 n02168699 long-horned beetle
305 n02172182 dung beetle
306 n02174001 rhinoceros beetle
308 n02190166 fly
309 n02206856 bee
310 n02219486 ant
313 n02231487 walking stick
314 n02233338 cockroach
315 n02236044 mantis
318 n02264363 lacewing
320 n02268853 damselfly
322 n02277742 ringlet
323 n02279972 monarch
324 n02280649 cabbage butterfly
325 n02281406 sulphur butterfly
326 n02281787 lycaenid
339 n02389026 sorrel
354 n02437312 Arabian camel
389 n02514041 barracouta
390 n02526121 eel
391 n02536864 coho
392 n02606052 rock beauty
393 n02607072 anemone fish
394 n02640242 sturgeon
395 n02641379 gar
396 n02643566 lionfish
397 n02655020 puffer
401 n02672831 accordion
402 n02676566 acoustic guitar
404 n02690373 airliner
408 n02704792 amphibian
417 n02782093 balloon
420 n02787622 banjo
426 n02794156 barometer
429 n02799071 baseball
430 n02802426 basketball
436 n02814533 beach wagon
482 n02979186 cassette player
486 n02992211 cello
491 n03000684 chain saw
494 n03017168 chime
497 n03028079 church
511 n03100240 convertible
513 n03110669 cornet
522 n03134739 croquet ball
535 n03208938 disk brake
542 n03250847 drumstick
546 n03272010 electric guitar
558 n03372029 flute
560 n03379051 football helmet
566 n03394916 French horn
569 n03417042 garbage truck
571 n03425413 gas pump
573 n03444034 go-kart
574 n03445777 golf ball
575 n03445924 golfcart
579 n03452741 grand piano
581 n03459775 grille
594 n03495258 harp
599 n03530642 honeycomb
609 n03594945 jeep
627 n03670208 limousine
628 n03673027 liner
642 n03721384 marimba
656 n03770679 minivan
660 n03776460 mobile home
661 n03777568 Model T
683 n03838899 oboe
687 n03854065 organ
701 n03888257 parachute
717 n03930630 pickup
722 n03942813 ping-pong ball
734 n03977966 police van
736 n03982430 pool table
746 n04019541 puck
751 n04037443 racer
752 n04039381 racket
757 n04065272 recreational vehicle
768 n04118538 rugby ball
776 n04141076 sax
779 n04146614 school bus
802 n04252077 snowmobile
805 n04254680 soccer ball
817 n04285008 sports car
826 n04328186 stopwatch
829 n04335435 streetcar
852 n04409515 tennis ball
864 n04461696 tow truck
867 n04467665 trailer truck
875 n04487394 trombone
881 n04515003 upright
889 n04536866 violin
890 n04540053 volleyball
892 n04548280 wall clock
943 n07718472 cucumber
945 n07720875 bell pepper
948 n07742313 Granny Smith
949 n07745940 strawberry
950 n07747607 orange
951 n07749582 lemon
952 n07753113 fig
953 n07753275 pineapple
954 n07753592 banana
957 n07768694 pomegranate
971 n09229709 bubble
981 n09835506 ballplayer
986 n12057211 yellow lady's slipper
987 n12144580 corn
"""

#: WordNet id and name of each class that a subset has, by its number.
CLASSES: Mapping[int, tuple[str, str]] = {
    int(number): (wnid, name)
    for number, wnid, name in (line.split(maxsplit=2) for line in _LISTED.splitlines())
}
