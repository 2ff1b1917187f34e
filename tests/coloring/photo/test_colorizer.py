"""One photograph: the same kind out as in, luma untouched, colours found or refused."""

import inspect
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import pyvips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import tinct
from tinct import colorize
from tinct.color.spaces import rgb_to_lab, rgb_to_yuv
from tinct.coloring.photo import colorizer as module
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.prediction import yuv_chroma
from tinct.errors import AlreadyColorError, InputError, OutputError, SettingError

WEIGHTS = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def tiny(tiny_model) -> Colorizer:
    return Colorizer(tiny_model, runtime="onnxruntime")


@pytest.fixture(scope="module")
def tiny_lab(tiny_chroma_model) -> Colorizer:
    return Colorizer(tiny_chroma_model, runtime="onnxruntime")


def grey_of(path: Path, full: float = 255) -> np.ndarray:
    return pyvips.Image.new_from_file(str(path)).numpy()[..., :3].astype(np.float64) @ WEIGHTS * (255 / full)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    picture=npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, min_side=8, max_side=70)),
    temperature=st.sampled_from([0.05, 0.5, 1.0]),
)
def test_luma_of_arrays_is_kept(tiny, picture, temperature):
    result = tiny.array(picture, temperature=temperature)
    assert result.shape == (*picture.shape, 3)
    assert result.dtype == np.uint8
    difference = np.abs(result.astype(np.float64) @ WEIGHTS - picture)
    assert difference.max() < 0.5
    np.testing.assert_array_equal(np.rint(result.astype(np.float64) @ WEIGHTS), picture)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(8, 90),
    width=st.integers(8, 90),
    deep=st.booleans(),
    toned=st.booleans(),
)
def test_luma_of_files_is_kept(tiny, tmp_path_factory, seed, height, width, deep, toned):
    folder = tmp_path_factory.mktemp("luma")
    generator = np.random.default_rng(seed)
    full = 65535 if deep else 255
    pixels = generator.integers(0, full + 1, (height, width, 1)).astype(np.uint16 if deep else np.uint8)
    if toned:
        pixels = np.concatenate([pixels, pixels // 2, pixels // 3], axis=-1)
    image = pyvips.Image.new_from_array(pixels)
    names = {(1, False): "b-w", (3, False): "srgb", (1, True): "grey16", (3, True): "rgb16"}
    image.copy(interpretation=names[image.bands, deep]).write_to_file(str(folder / "in.png"))
    result = tiny.photo(folder / "in.png", recolor=True).target
    before = grey_of(folder / "in.png", full) if toned else pixels[..., 0] * (255 / full)
    difference = np.abs(grey_of(result, full) - before)
    assert difference.max() < 1
    assert difference.mean() < 0.5


def test_a_file_gets_its_result_beside_it(tiny, camera_png, tmp_path):
    source = tmp_path / "camera.png"
    source.write_bytes(camera_png.read_bytes())
    result = tiny.photo(source, confidence=True)
    assert result.target == tmp_path / "camera_color.png"
    assert (result.width, result.height, result.status) == (512, 512, "colorized")
    assert result.confidence is not None
    probability, ratio = result.confidence
    assert probability.shape == ratio.shape == result.prediction.output.shape[:2]
    colors = pyvips.Image.new_from_file(str(result.target)).numpy()
    before = pyvips.Image.new_from_file(str(source)).numpy().reshape(512, 512)
    np.testing.assert_array_equal(np.rint(colors.astype(float) @ WEIGHTS), before)
    assert np.ptp(colors.astype(int), axis=-1).mean() > 1  # there are colours
    with pytest.raises(OutputError, match="already exists"):
        tiny.photo(source)
    with pytest.raises(OutputError, match="input itself"):
        tiny.photo(source, source, overwrite=True)


def test_file_and_array_agree(tiny, camera_png, tmp_path):
    pixels = cv2.imread(str(camera_png), cv2.IMREAD_GRAYSCALE)
    source = tmp_path / "in.png"
    source.write_bytes(camera_png.read_bytes())
    from_file = pyvips.Image.new_from_file(str(tiny(source))).numpy().astype(int)
    assert np.abs(from_file - tiny(pixels)).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_arrays_keep_type_and_alpha(tiny, dtype, channels):
    full = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    grey = np.linspace(0, 1, 60 * 50).reshape(60, 50)
    picture = grey if channels == 0 else np.repeat(grey[..., None], channels, axis=-1)
    picture = (picture * full).astype(dtype)
    result = tiny(picture)
    assert result.dtype == dtype
    assert result.shape == (60, 50, 4 if channels in (2, 4) else 3)
    if channels in (2, 4):
        np.testing.assert_array_equal(result[..., 3], picture[..., -1])
    difference = result[..., :3].astype(float) @ WEIGHTS / full - (picture if channels == 0 else picture[..., 0]) / full
    assert np.abs(difference).max() < 0.5 / 255


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pil_images_come_back_as_pil_images(tiny, mode):
    image_module = pytest.importorskip("PIL.Image")
    grey = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    image = image_module.fromarray(grey)
    image = image_module.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    image.info["dpi"] = (300, 300)
    result = tiny(image)
    assert isinstance(result, image_module.Image)
    assert result.size == (64, 48)
    assert result.mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")
    assert result.info["dpi"] == (300, 300)
    if mode != "1":
        assert np.abs(np.asarray(result)[..., :3] @ WEIGHTS - grey).max() < 0.6


def test_pil_images_of_unclear_values_are_refused(tiny):
    image_module = pytest.importorskip("PIL.Image")
    for mode in ("F", "I", "LAB", "RGBa"):
        with pytest.raises(InputError, match=f"mode {mode} .*convert the image to one of"):
            tiny(image_module.new(mode, (64, 48)))


def test_pil_images_keep_their_exif_however_often_they_are_given(tiny):
    image_module = pytest.importorskip("PIL.Image")
    image = image_module.fromarray(np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1)))
    image.getexif()[0x0112] = 6  # stored on its side
    image.getexif()[0x010E] = "A street"
    first, second = tiny(image), tiny(image)
    assert first.size == second.size == (48, 64)
    np.testing.assert_array_equal(np.asarray(first), np.asarray(second))
    assert dict(image.getexif()) == {0x0112: 6, 0x010E: "A street"}
    kept = image_module.Exif()
    kept.load(first.info["exif"])
    assert dict(kept) == {0x010E: "A street"}


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pil_images_in_other_profiles_become_srgb(tiny, mode):
    """Display P3's red 200, 100, 50 is about 217, 93, 35 in sRGB (by LittleCMS through libvips too)."""
    image_module = pytest.importorskip("PIL.Image")
    pixels = np.full((40, 50, len(mode)), 255, np.uint8)
    pixels[..., :3] = [200, 100, 50]
    image = image_module.fromarray(pixels)
    image.info["icc_profile"] = pyvips.Image.profile_load("p3")
    wide = pyvips.Image.new_from_array(pixels[..., :3].copy()).copy(interpretation="srgb")
    wide.set_type(pyvips.GValue.blob_type, "icc-profile-data", image.info["icc_profile"])
    expected = wide.icc_transform("srgb", embedded=True).numpy()[0, 0] @ WEIGHTS
    result = tiny(image, recolor=True)
    assert "icc_profile" not in result.info
    assert result.mode == mode
    assert np.abs(np.asarray(result)[..., :3] @ WEIGHTS - expected).max() < 1.5
    assert abs(pixels[0, 0, :3] @ WEIGHTS - expected) > 0.2
    image.info["icc_profile"] = pyvips.Image.profile_load("srgb")
    assert tiny(image, recolor=True).info["icc_profile"] == image.info["icc_profile"]
    image.info["icc_profile"] = b"damaged"
    assert "icc_profile" not in tiny(image, recolor=True).info
    assert np.abs(np.asarray(tiny(image, recolor=True))[..., :3] @ WEIGHTS - pixels[0, 0, :3] @ WEIGHTS).max() < 0.6


def test_a_result_that_is_there_is_replaced_as_the_message_says(tiny, tiny_model, camera_png, tmp_path):
    source = tmp_path / "camera.png"
    source.write_bytes(camera_png.read_bytes())
    target = tiny(source)
    with pytest.raises(OutputError, match="overwrite=True"):
        tiny(source)
    target.write_bytes(b"")
    assert tiny(source, overwrite=True) == target
    assert target.stat().st_size > 0
    assert tinct.colorize(source, model=tiny_model, runtime="onnxruntime", overwrite=True) == target


def test_what_a_format_cannot_hold_is_told(tiny, tmp_path):
    pixels = np.full((40, 50, 2), 30000, np.uint16)
    pyvips.Image.new_from_array(pixels).copy(interpretation="grey16").write_to_file(str(tmp_path / "in.png"))
    lost = {
        ".jpg": ["JPG has no transparency", "they became 8"],
        ".webp": ["they became 8"],
        ".avif": ["they became 12"],
        ".png": [],
        ".tif": [],
    }
    for suffix, words in lost.items():
        remarks = tiny.photo(tmp_path / "in.png", tmp_path / f"out{suffix}").remarks
        assert len(remarks) == len(words), suffix
        for remark, word in zip(remarks, words, strict=True):
            assert word in remark


@pytest.mark.parametrize(
    ("suffix", "options"),
    [(".jpg", {"Q": 95, "subsample_mode": "off"}), (".webp", {"Q": 98}), (".avif", {"Q": 98, "subsample_mode": "off"})],
)
def test_luma_of_lossy_files_changes_as_little_as_by_saving_them(tiny, camera_png, tmp_path, suffix, options):
    """Saving adds its own noise; so the same grey pixels, saved as RGB by the same saver, are the measure."""
    camera = pyvips.Image.new_from_file(str(camera_png))
    source = tmp_path / f"in{suffix}"
    camera.write_to_file(str(source), **options)
    before = pyvips.Image.new_from_file(str(source)).numpy()
    grey = pyvips.Image.new_from_array(np.repeat(before.reshape(512, 512, -1)[..., :1], 3, axis=-1))
    grey.copy(interpretation="srgb").write_to_file(str(tmp_path / f"again{suffix}"), **options)
    saved = np.abs(grey_of(tmp_path / f"again{suffix}") - before.reshape(512, 512, -1)[..., 0])
    ours = np.abs(grey_of(tiny.photo(source).target) - before.reshape(512, 512, -1)[..., 0])
    assert ours.mean() < saved.mean() + 0.5, (ours.mean(), saved.mean())
    assert np.percentile(ours, 99) <= np.percentile(saved, 99) + 2, (ours.max(), saved.max())


def test_luma_of_a_scan_with_a_grey_profile_is_that_of_its_converted_numbers(tiny, camera_png, tmp_path):
    """A grey profile of gamma 2.2: what its numbers mean in sRGB is known in closed form (IEC 61966-2-1)."""
    camera = pyvips.Image.new_from_file(str(camera_png))
    scan = camera.copy()
    scan.set_type(pyvips.GValue.blob_type, "icc-profile-data", grey_profile(2.2))
    scan.write_to_file(str(tmp_path / "in.tif"))
    result = tiny.photo(tmp_path / "in.tif")
    assert result.remarks == ("converted from its grey profile to sRGB",)
    light = (camera.numpy().reshape(512, 512) / 255) ** 2.2
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(grey_of(result.target) - srgb).max() < 2
    assert not pyvips.Image.new_from_file(str(result.target)).get_typeof("icc-profile-data")


def grey_profile(gamma: float) -> bytes:
    """Make an ICC profile of grey with one gamma (ICC.1:2001-04: header, tags wtpt and kTRC)."""
    white = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1.0, 0.8249)))
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    words = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(79)
    tags, body = b"", b""
    start = 128 + 4 + 12 * 3
    for name, data in ((b"wtpt", white), (b"kTRC", curve), (b"desc", words)):
        tags += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ ") + bytes(12) + b"acsp"
    head = (head + bytes(28)) + struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + struct.pack(">I", 3) + tags + body


def test_bytes_come_back_as_bytes(tiny, camera_png):
    result = tiny(camera_png.read_bytes())
    assert result.startswith(b"\x89PNG")
    jpeg = tiny.encoded(camera_png.read_bytes(), suffix=".jpg")[0]
    assert jpeg.startswith(b"\xff\xd8")


def test_other_things_are_refused(tiny):
    for thing in (3, None, [1, 2]):
        with pytest.raises(InputError, match="not"):
            tiny(thing)
    with pytest.raises(InputError, match="divide them by 255"):
        tiny(np.full((20, 20), 200.0))
    with pytest.raises(InputError, match="int64"):
        tiny(np.zeros((20, 20), np.int64))
    with pytest.raises(InputError, match="too few"):
        tiny(np.zeros((2, 20), np.uint8))
    with pytest.raises(InputError, match="shape"):
        tiny(np.zeros((20, 20, 7), np.uint8))


def test_another_temperature_does_not_run_the_network_again(tiny, camera_png, tmp_path, monkeypatch):
    first = tiny.photo(camera_png, tmp_path / "a.png", temperature=0.2)
    monkeypatch.setattr(tiny.session, "run", lambda luma: pytest.fail("the network ran again"))
    second = tiny.photo(camera_png, tmp_path / "b.png", temperature=1.0, prediction=first.prediction)
    assert (first.temperature, second.temperature) == (0.2, 1.0)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    assert b"temperature>1<" in pyvips.Image.new_from_file(str(tmp_path / "b.png")).get("xmp-data")


def test_the_network_sees_the_working_size(tiny_model):
    seen = []
    colorizer = Colorizer(tiny_model, runtime="onnxruntime", size=64, denoise="off")
    run = colorizer.session.run
    colorizer.session.run = lambda luma: seen.append(luma.shape) or run(luma)
    colorizer.predict(np.random.default_rng(1).random((1000, 500)))
    colorizer.predict(np.random.default_rng(1).random((20, 30)))  # never enlarged
    assert seen == [(91, 45), (20, 30)]


def test_lab_models_give_the_colors_they_mean(tiny_lab, camera_png):
    rgb = np.random.default_rng(1).uniform(0.2, 0.8, (12, 10, 3)).astype(np.float32)
    chroma = rgb_to_lab(rgb)[..., 1:]
    yuv = rgb_to_yuv(rgb)
    np.testing.assert_allclose(yuv_chroma(yuv[..., 0], chroma, space="lab"), yuv[..., 1:], atol=0.02)
    prediction = tiny_lab.look(camera_png)
    assert prediction.confidence is None
    assert np.abs(prediction.chroma()).max() < 0.7
    pixels = cv2.imread(str(camera_png), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(np.rint(tiny_lab(pixels).astype(float) @ WEIGHTS), pixels)


def test_settings_are_checked(tiny_model, tiny_chroma_model):
    for options, words in [
        ({"temperature": 0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"size": 3}, "working size"),
        ({"denoise": "much"}, "denoise"),
        ({"denoise": -1}, "denoise"),
        ({"threads": 0}, "thread"),
        ({"runtime": "abacus"}, "abacus"),
    ]:
        with pytest.raises(SettingError, match=words):
            Colorizer(tiny_model, **options)
    with pytest.raises(SettingError, match="no temperature"):
        Colorizer(tiny_chroma_model, temperature=0.5)


def test_colorize_is_one_call(tiny_model):
    grey = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    result = tinct.colorize(grey, model=tiny_model, temperature=0.5, runtime="onnxruntime")
    np.testing.assert_array_equal(result, colorize(grey, model=tiny_model, temperature=0.5, runtime="onnxruntime"))
    assert result.shape == (64, 64, 3)
    assert inspect.isfunction(tinct.colorize)
    assert set(inspect.signature(tinct.colorize).parameters) >= {"picture", "model", "hints", "recolor", "overwrite"}


def test_colored_pictures_are_refused(tiny, chelsea_png, tmp_path):
    with pytest.raises(AlreadyColorError, match="recolor"):
        tiny.photo(chelsea_png, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []
    tiny.photo(chelsea_png, tmp_path / "out.png", recolor=True)
    after = grey_of(tmp_path / "out.png")
    assert np.abs(after - grey_of(chelsea_png)).max() < 0.5
    pixels = cv2.imread(str(chelsea_png))[..., ::-1]
    with pytest.raises(AlreadyColorError):
        tiny(pixels)
    assert tiny(pixels, recolor=True).shape == pixels.shape


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak")
def test_memory_does_not_grow_with_the_picture(tiny_model, camera_png, tmp_path):
    """24 megapixels take hardly more than 6, in a process of their own."""
    camera = pyvips.Image.new_from_file(str(camera_png))
    peaks = []
    for width, height in [(3000, 2000), (6000, 4000)]:
        picture = tmp_path / f"{width}.jpg"
        camera.thumbnail_image(width, height=height, size="force").write_to_file(str(picture), Q=90)
        script = (
            "import re, sys; from tinct.coloring.photo.colorizer import Colorizer\n"
            "Colorizer(sys.argv[1], runtime='onnxruntime').photo(sys.argv[2])\n"
            # `ru_maxrss` would be that of the process this one was forked from, if higher.
            "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) // 1024)"
        )
        command = [sys.executable, "-c", script, str(tiny_model), str(picture)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 60, peaks
    assert peaks[1] < 450, peaks


def test_guide_size_is_no_smaller_than_the_network(tiny_model):
    colorizer = Colorizer(tiny_model, runtime="onnxruntime", size=800)
    assert colorizer.guide_size == 800 > module.GUIDE_SIZE


def test_a_target_can_be_named_and_byte_order_does_not_matter(tiny_model, camera_png, tmp_path):
    colorizer = tinct.Colorizer(tiny_model, runtime="onnxruntime")
    assert colorizer(camera_png, tmp_path / "out.jpg") == tmp_path / "out.jpg"
    assert tinct.colorize(str(camera_png), tmp_path / "two.png", model=tiny_model) == tmp_path / "two.png"
    grey = np.random.default_rng(1).integers(0, 65535, (64, 48)).astype(np.uint16)
    np.testing.assert_array_equal(colorizer(grey.astype(">u2")), colorizer(grey))
    with pytest.raises(tinct.TinctError, match="a target is for files and bytes only"):
        colorizer(grey, tmp_path / "three.png")
