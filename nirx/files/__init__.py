"""Files in and out, safely: `.nir`, HDF5 and npz."""
