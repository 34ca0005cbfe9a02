"""Train a network on this folder's images and soft labels, as the workflow trains its students.

``python train.py PICTURES`` also tests it on pictures: a folder with one folder a class.
"""

import json
import math
import sys
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import interpolate, kl_div

FOLDER = Path(__file__).resolve().parent
FACTS = json.loads((FOLDER / "provenance.json").read_text(encoding="utf-8"))
MEAN, STD = (torch.tensor(FACTS[key]).view(-1, 1, 1) for key in ("mean", "std"))


def network(channels: int, classes: int) -> torch.nn.Module:
    """A small network; put your own here, with one output a class."""
    layers: list[torch.nn.Module] = []
    for before, after in ((channels, 64), (64, 128), (128, 256)):
        layers += [torch.nn.Conv2d(before, after, 3, padding=1), torch.nn.BatchNorm2d(after)]
        layers += [torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    pooled = (torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(256, classes))
    return torch.nn.Sequential(*layers, *pooled)


def label_logits(rows: numpy.ndarray) -> torch.Tensor:
    """Logits of an epoch `[N, C]`, also of labels of 8 bits or of the likeliest classes alone."""
    values = rows if rows.dtype.names is None else rows["values"]
    values = values.astype("float32")
    if rows.dtype.names and "step" in rows.dtype.names:
        values = -values * rows["step"].astype("float32")[:, None]
    if rows.dtype.names and "classes" in rows.dtype.names:
        kept, shape = values, (len(rows), len(FACTS["classes"]))
        values = numpy.full(shape, -numpy.inf, "float32")
        numpy.put_along_axis(values, rows["classes"].astype(int), kept, axis=1)
    return torch.from_numpy(values)


def train(student: torch.nn.Module) -> torch.nn.Module:
    """Train with the settings, images and labels of this folder."""
    cell, device = FACTS["training"], next(student.parameters()).device
    pixels = load_file(FOLDER / FACTS["set_file"])["images"]
    images = ((pixels / 255 if pixels.dtype == torch.uint8 else pixels) - MEAN) / STD
    plan = load_file(FOLDER / "labels/augmentation.safetensors")
    stored = numpy.load(FOLDER / "labels/logits.npy", mmap_mode="r", allow_pickle=False)
    groups: list[dict[str, object]] = [
        {"params": [p for p in student.parameters() if p.ndim == 1], "weight_decay": 0},
        {"params": [p for p in student.parameters() if p.ndim > 1]},
    ]
    chosen = {"lr": cell["learning_rate"], "weight_decay": cell["weight_decay"]}
    optimiser: torch.optim.Optimizer = torch.optim.AdamW(groups, **chosen)
    if cell["momentum"] is not None:
        optimiser = torch.optim.SGD(groups, momentum=cell["momentum"], **chosen)
    student.train()
    for number in range(cell["epochs"]):
        epoch = number % len(stored)
        turn = math.pi * number / (cell["epochs"] * cell["eta"])
        for group in optimiser.param_groups:
            group["lr"] = cell["learning_rate"] * (1 + math.cos(turn)) / 2
        logits = label_logits(numpy.array(stored[epoch])).to(device)
        halves = plan["order"][epoch].split(plan["half_sizes"].tolist())
        for ids in zip(halves[::2], halves[1::2], strict=True):  # the two halves of a batch
            batch, views = torch.cat(ids).tolist(), []
            for image in batch:
                box = (plan["boxes"][epoch, image] * images.shape[-1]).round().int()
                top, left, height, width = box.tolist()
                crop = images[None, image, :, top : top + height, left : left + width]
                view = interpolate(crop, images.shape[-2:], mode="bilinear", align_corners=False)[0]
                views.append(view.flip(-1) if plan["flips"][epoch, image] else view)
            partners = [batch.index(image) for image in plan["partners"][epoch, batch].tolist()]
            y0, y1, x0, x1 = plan["mix_boxes"][epoch, batch[0]].tolist()
            mixed = torch.stack(views).to(device)
            mixed[:, :, y0:y1, x0:x1] = mixed[partners, :, y0:y1, x0:x1]
            optimiser.zero_grad()
            for half, seen in zip(ids, mixed.split([len(half) for half in ids]), strict=True):
                target = (logits[half] / cell["temperature"]).softmax(1)
                answer = (student(seen) / cell["temperature"]).log_softmax(1)
                (kl_div(answer, target, reduction="batchmean") / 2).backward()
            optimiser.step()
    return student


@torch.no_grad()
def accuracy(student: torch.nn.Module, folder: Path) -> float:
    """Percent of a folder's pictures, squeezed to the square, that are told right; needs Pillow."""
    from PIL import Image, ImageOps

    student.eval()
    device = next(student.parameters()).device
    side = load_file(FOLDER / FACTS["set_file"])["images"].shape[-1]
    right = []
    for label, name in enumerate(FACTS["classes"]):
        for file in sorted((folder / name).iterdir()):
            if file.suffix.lower() not in Image.registered_extensions():
                continue
            with Image.open(file) as opened:
                picture = ImageOps.exif_transpose(opened).convert("L" if len(MEAN) == 1 else "RGB")
            square = numpy.array(picture.resize((side, side), Image.Resampling.BICUBIC))
            pixels = torch.from_numpy(square).reshape(side, side, len(MEAN)).permute(2, 0, 1) / 255
            right.append(student(((pixels - MEAN) / STD)[None].to(device)).argmax() == label)
    return 100 * float(torch.stack(right).float().mean())


if __name__ == "__main__":
    torch.manual_seed(0)
    made = network(len(FACTS["mean"]), len(FACTS["classes"]))
    made = train(made.to("cuda" if torch.cuda.is_available() else "cpu"))
    save_file(made.state_dict(), FOLDER / "student.safetensors")
    print(f"wrote {FOLDER / 'student.safetensors'}")
    for given in sys.argv[1:]:
        print(f"{given}: {accuracy(made, Path(given)):.1f} % right")
