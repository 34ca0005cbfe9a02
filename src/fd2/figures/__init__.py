"""Figure plug-ins: a file here is a kind of figure that the config may ask for.

A kind offers:

- ``SETTINGS_SCHEMA`` of its entry in the config, without ``kind``; see `fd2.figures._rows.schema`;
- ``inputs(spec, seeds)``: paths below the results folder by role, from the figure's entry and the
  students' seeds; raises `FD2Error` for settings that do not fit each other;
- ``draw(spec, files)``: the figure, and the numbers behind it as a frame, from the paths of
  ``inputs`` by the same roles; raises `FD2Error` for files that are missing, damaged or of other
  data.

A plan is made without torch, NumPy, pandas and matplotlib, so these are imported inside functions.
Names that begin with ``_`` are helpers.
"""
