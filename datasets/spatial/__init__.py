"""How a frame is brought to a network's size, by the name that a protocol gives it.

A rule (``rule.SpatialRule``) names three things, because each of them changes every number: the framing (``framings``:
what becomes of the aspect ratio, and how sizes are rounded), the kernel (``kernels``: whose arithmetic computes the
pixels), and the order of values (whether bytes become floats before or after, and are rounded back to bytes). Such as
``squash/torch-bilinear-antialias`` or ``crop-torchvision/pil-bicubic``.
"""
