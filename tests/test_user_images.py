"""Images of users: every kind of file and picture is read rightly or refused in one sentence, whatever is in it."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import damaged, read_or_told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchbox.errors import UsageError
from benchbox.inputs.images import open_images, read_images, read_labels

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 8), dtype=np.uint8)


def picture(pixels: np.ndarray[Any, Any], mode: str) -> Image.Image:
    """Grey pixels as a picture of a mode that can show them."""
    match mode:
        case "1":
            return Image.fromarray(pixels).point(lambda v: 255 * (v > 127), "1")
        case "I;16":
            return Image.fromarray(pixels.astype(np.uint16) * 257)
        case "I" | "F":
            return Image.fromarray(pixels.astype(np.int32 if mode == "I" else np.float32))
        case "P":
            return Image.fromarray(pixels).convert("RGB").quantize(256)
        case _:
            return Image.fromarray(pixels).convert("RGB").convert(mode)


def saved(folder: Path, mode: str, ending: str) -> Path:
    folder.mkdir()
    for i, pixels in enumerate(PIXELS):
        picture(pixels, mode).save(folder / f"{i}{ending}")
    return folder


@pytest.mark.parametrize(
    ("mode", "ending", "channels"),
    [
        ("1", ".png", 1), ("L", ".png", 1), ("LA", ".png", 1), ("P", ".png", 3), ("RGB", ".png", 3),
        ("RGBA", ".png", 3), ("I;16", ".png", 1), ("I;16", ".tif", 1), ("L", ".TIFF", 1), ("RGB", ".bmp", 3),
        ("L", ".pgm", 1), ("P", ".gif", 3),
    ],
)  # fmt: skip
def test_every_mode_of_grey_pixels_gives_these_pixels(tmp_path: Path, mode: str, ending: str, channels: int) -> None:
    found = read_images(saved(tmp_path / "made", mode, ending))
    expected = 255 * (PIXELS > 127) if mode == "1" else PIXELS
    assert found.shape == (5, channels, 6, 8)
    assert (found == expected[:, None]).all()


@pytest.mark.parametrize(
    ("mode", "ending"), [("CMYK", ".jpg"), ("CMYK", ".tif"), ("I", ".tif"), ("F", ".tif"), ("LAB", ".tif")]
)
def test_a_mode_without_a_certain_meaning_is_refused_by_name(tmp_path: Path, mode: str, ending: str) -> None:
    folder = saved(tmp_path / "made", mode, ending)
    with pytest.raises(UsageError, match=rf"0\{ending} has mode {mode}, which has no"):
        open_images(folder)


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    values = np.arange(0, 2**16, 5, dtype=np.uint16)[:13_000].reshape(130, 100)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert (read_images(tmp_path)[0, 0] == np.round(values / 257.0)).all()


def test_grey_among_coloured_pictures_is_read_as_colour_and_transparency_is_refused(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[0]).save(tmp_path / "a.png")
    Image.fromarray(PIXELS[:3].transpose(1, 2, 0)).save(tmp_path / "b.png")
    found = read_images(tmp_path)
    assert (found[0] == PIXELS[0]).all()
    assert (found[1] == PIXELS[:3]).all()
    Image.fromarray(PIXELS[0]).convert("LA").save(tmp_path / "c.png")
    assert len(read_images(tmp_path)) == 3
    clear = Image.fromarray(PIXELS[0])
    clear.putalpha(Image.fromarray(PIXELS[1]))
    clear.save(tmp_path / "c.png")
    with pytest.raises(UsageError, match=r"c\.png has transparent pixels"):
        read_images(tmp_path)
    Image.fromarray(PIXELS[0]).save(tmp_path / "c.png", transparency=int(PIXELS[0, 0, 0]))
    with pytest.raises(UsageError, match=r"c\.png has transparent pixels"):
        read_images(tmp_path)


def test_links_are_followed_once_and_nothing_is_left_out_in_silence(tmp_path: Path) -> None:
    elsewhere = saved(tmp_path / "elsewhere", "L", ".tif")
    data = tmp_path / "data"
    data.mkdir()
    (data / "deep").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(data)
    (data / ".hidden.png").write_bytes(b"no picture")
    (data / "notes.txt").write_text("no picture")
    assert len(open_images(data)) == 5
    (data / "z.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(UsageError, match=r"there is no file .*z\.png"):
        open_images(data)
    (data / "z.png").unlink()
    (data / "z.avif").write_bytes(b"")
    with pytest.raises(UsageError, match=r"has z\.avif, an unsupported picture format"):
        open_images(data)


def test_sizes_are_compared_over_all_pictures_before_any_work(tmp_path: Path) -> None:
    folder = saved(tmp_path / "data", "L", ".png")
    Image.fromarray(PIXELS[0, 1:]).save(folder / "z.png")
    with pytest.raises(UsageError, match=r"the same size: .*0\.png has 8×6, .*z\.png has 8×5"):
        open_images(folder)


def test_several_pictures_in_one_file_and_too_many_pixels_are_refused(tmp_path: Path, monkeypatch: Any) -> None:
    frames = [Image.fromarray(pixels) for pixels in PIXELS]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(UsageError, match="has 5 frames"):
        open_images(tmp_path)
    frames[0].save(tmp_path / "a.tif")
    for limit in (40, 20):  # Pillow warns from its limit on, and fails from twice that
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(UsageError, match="exceeds limit"):
            open_images(tmp_path)


def npz(path: Path, **made: Any) -> bytes:
    np.savez(path, **made)
    return path.read_bytes()


@pytest.mark.parametrize("shape", [(5, 6, 8), (5, 6, 8, 1), (5, 1, 6, 8), (5, 6, 8, 3), (5, 3, 6, 8), (5, 4, 6, 8)])
def test_channels_may_come_first_or_last(tmp_path: Path, shape: tuple[int, ...]) -> None:
    axis = 1 if shape[-1] == 8 else -1
    array = PIXELS if len(shape) == 3 else np.stack([PIXELS] * min(shape[1], shape[-1]), axis)
    npz(tmp_path / "a.npz", images=array)
    found = read_images(tmp_path / "a.npz")
    assert found.shape[2:] == (6, 8)
    assert (found == PIXELS[:, None]).all()


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    """An .npy called .npz, a zip of pictures, IDX under any name: all give the same images."""
    np.save(tmp_path / "a.npy", PIXELS)
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    header = struct.pack(">HBB3I", 0, 8, 3, *PIXELS.shape)
    (tmp_path / "b.npy").write_bytes(gzip.compress(header + PIXELS.tobytes()))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("dataset.json", "{}")
        archive.writestr("__MACOSX/00/0.png", "no picture")
        for file in saved(tmp_path / "pictures", "L", ".png").iterdir():
            archive.write(file, f"00/{file.name}")
    for name in ("a.npz", "b.npy", "c.zip", "pictures"):
        assert (read_images(tmp_path / name) == PIXELS[:, None]).all(), name
    with pytest.raises(UsageError, match="leave out the key"):
        open_images(tmp_path / "c.zip", "images")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a git-lfs pointer .* git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "it is a web page"),
        (b"\x80\x04\x95", "its first bytes are of another format"),
        (b"no images", "is not a folder or zip of pictures, an .npz"),
        (b"\x1f\x8bno gzip", "is not an IDX file of bytes: "),
        (
            struct.pack(">HBB3I", 0, 8, 3, 9, 28, 28),
            r"holds less data than its header states, an array of shape \(9, 28, 28\)",
        ),
        (struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2), "GiB of memory, and"),
        (struct.pack(">HBB1I", 0, 8, 1, 1) + b"0", "must be uint8"),
    ],
)
def test_what_stands_in_the_place_of_images_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(UsageError, match=says):
        open_images(tmp_path / "data.npz")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"other": PIXELS}, "has no array 'x_train': it has other"),
        ({"images": PIXELS.astype(np.float32)}, r"must be uint8 \(0 … 255\) of shape .* not float32 \(5, 6, 8\)"),
        ({"images": np.array([{"a": 1}], dtype=object)}, "is not an .npz or .npy of numbers: Object arrays"),
        ({"images": PIXELS[:0]}, "must be uint8"),
        ({"images": PIXELS[..., None].repeat(7, -1)}, "must be uint8"),
        ({"images": np.array(["a"])}, "must be uint8"),
    ],
)
def test_arrays_that_are_no_images_are_named(tmp_path: Path, made: Any, says: str) -> None:
    npz(tmp_path / "a.npz", **made)
    with pytest.raises(UsageError, match=says):
        open_images(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([0, 1, 2, 3, 899_999_999], "from 0 to 899999999 for 5 images"),
        ([0, 1, 2, 3, -1], "from -1 to 3"),
        ([0, 1, 2, 3], "5 integers"),
        ([0.5] * 5, "5 integers"),
    ],
)
def test_labels_must_number_the_classes(tmp_path: Path, labels: Any, says: str) -> None:
    npz(tmp_path / "a.npz", images=PIXELS, y=np.array(labels))
    with pytest.raises(UsageError, match=says):
        read_labels(tmp_path / "a.npz", "y", 5)


def test_more_than_fits_into_memory_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: Any) -> None:
    npz(tmp_path / "a.npz", images=PIXELS)
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 100}))
    with pytest.raises(UsageError, match=r"needs 0\.0 GiB"):
        open_images(tmp_path / "a.npz")


# damaged and hostile files


def samples() -> dict[str, bytes]:
    """A real file of each kind."""
    made = {}
    for mode, form in (
        ("L", "PNG"),
        ("RGB", "JPEG"),
        ("I;16", "TIFF"),
        ("P", "GIF"),
        ("RGB", "WEBP"),
        ("L", "PPM"),
        ("P", "BMP"),
    ):
        picture(PIXELS[0], mode).save(stream := io.BytesIO(), form)
        made["picture.tif" if form == "TIFF" else f"picture.{form.lower()}"] = stream.getvalue()
    for name, save in (("data.npz", np.savez), ("packed.npz", np.savez_compressed)):
        save(stream := io.BytesIO(), images=PIXELS, y=np.arange(5))
        made[name] = stream.getvalue()
    np.save(stream := io.BytesIO(), PIXELS)
    made["data.npy"] = stream.getvalue()
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive:
        archive.writestr("a.png", made["picture.png"])
    made["data.zip"] = stream.getvalue()
    made["data.idx"] = struct.pack(">HBB3I", 0, 8, 3, *PIXELS.shape) + PIXELS.tobytes()
    made["data.gz"] = gzip.compress(made["data.idx"])
    return made


SAMPLES = samples()


VERSIONS = st.sampled_from(sorted(SAMPLES)).flatmap(lambda name: damaged(SAMPLES[name]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(SAMPLES)), VERSIONS)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file_under_any_name_gives_images_or_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    read = (lambda file: read_images(file.parent)) if name.startswith("picture") else read_images
    found = read_or_told(read, folder / name, content)
    if found is not None:
        assert (found.dtype, found.ndim) == (np.uint8, 4)
        read_or_told(lambda file: read_labels(file, "y", len(found)), folder / name, content)


def test_a_changed_bit_in_a_png_is_seen(tmp_path: Path) -> None:
    content = bytearray(SAMPLES["picture.png"])
    content[content.index(b"IDAT") + 12] ^= 1
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.png is not a picture: .*checksum"):
        read_images(tmp_path)
