"""Train a small network that tells where the thing at a hint ends, on photographs with masks of things.

python -m tinct.learn.things prepare IMAGES MASKS SAMPLES --as NAME    # once for each set of masks
python -m tinct.learn.things train SAMPLES -o things.onnx --minutes 40
"""
