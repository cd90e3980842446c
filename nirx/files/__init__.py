"""Files in and out, safely: `.nir`, HDF5 and npz, read with checks and written completely or not at all."""
