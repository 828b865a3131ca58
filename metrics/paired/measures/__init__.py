"""The paired measures, one file each. They import torch in their functions alone: protocols are listed without it."""
