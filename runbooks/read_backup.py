#!/usr/bin/env python3
"""Reads dbdr's backups without dbdr. The store's files and the key are all it needs.

    read_backup.py --store DIR --key KEYRING.json COMMAND

    list                            every backup, proved by its encrypted part
    files BACKUP                    what is in it: kind, size and path of each entry
    check BACKUP                    reads and proves every byte, and writes nothing
    restore BACKUP INTO             all of it: a data directory that PostgreSQL can recover
    restore BACKUP INTO PATH ...    single files, such as base/5/1259, without reading the rest
    manifest BACKUP                 PostgreSQL's own backup_manifest, for pg_verifybackup
    proof BACKUP                    its proof point as JSON: what a copy must hold at which log position
    wal CLUSTER NAME FILE           one WAL file, for restore_command: ... wal shop %f %p

DIR holds the store as it is: a directory store's folder, or what
`aws s3 sync s3://BUCKET/PREFIX DIR` wrote. Objects keep their names, for these are part of their
encryption. BACKUP is an id such as 20261122T010000Z, CLUSTER a server such as shop, or its folder such
as shop/15-7341880284312345678 where there are several. --key may be given more than once, and may
be what a secret NAME/KEY-ID of AWS Secrets Manager holds.

Needs Python 3.9 or newer and the package `cryptography` (Debian: python3-cryptography). For zstd it
takes Python's own (3.14 or newer), else the package `zstandard`, else the program `zstd`.

Exit codes: 0 done; 1 what was asked for is not in the store; 2 the words make no sense; 200 something is
damaged, or cannot be read with this key. PostgreSQL takes a restore_command's 1 for the end of the
log, and stops at anything above 125: damage is never taken for an end.

The format, byte by byte: format.md, beside this file.
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import shutil
import struct
import subprocess
import sys

NOT_THERE, WORDS, DAMAGED = 1, 2, 200

SEGMENT = 1 << 20  # an encrypted segment, with its tag
TAG = 16
STREAM_HEADER = 40  # length byte, 32 bytes of salt, 7 bytes of nonce prefix
FRAME_MAX = 1 << 20  # plain bytes of one frame


class Stop(Exception):
    """Ends the program with one sentence and an exit code."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


def damaged(name, why):
    return Stop(DAMAGED, f'"{name}" cannot be trusted: {why}')


def require(holds, name, why):
    if not holds:
        raise damaged(name, why)


# ----- cryptography and compression -----------------------------------------------------------


def open_sealed(key, nonce, sealed, associated):
    """AES-256-GCM. None: these are not the bytes that were sealed with this key."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except InvalidTag:
        return None


def derive(key, salt, info):
    """HKDF with SHA-256 (RFC 5869), 32 bytes: one round of its second step."""
    extracted = hmac.new(salt or bytes(32), key, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def find_zstd():
    """A function from one zstd frame to its content; it raises ValueError for anything else."""
    decompressor = None
    with contextlib.suppress(ImportError):
        from compression.zstd import ZstdDecompressor as decompressor
    if decompressor is None:
        with contextlib.suppress(ImportError):
            from zstandard import ZstdDecompressor

            def decompressor():
                return ZstdDecompressor().decompressobj()

    def by_module(data):
        try:
            one = decompressor()
            plain = one.decompress(data)
        except Exception as error:  # each module has an error of its own
            raise ValueError(str(error)) from error
        if not one.eof or one.unused_data:
            raise ValueError("it is not exactly one frame")
        return plain

    def by_program(data):
        done = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False)
        if done.returncode != 0:
            raise ValueError(done.stderr.decode(errors="replace").strip())
        return done.stdout

    if decompressor is not None:
        return by_module
    if shutil.which("zstd"):
        return by_program
    raise Stop(WORDS, "zstd is missing: install the program zstd or the Python package zstandard")


ZSTD = []


def decompress(data, name, what):
    if not ZSTD:
        ZSTD.append(find_zstd())
    try:
        return ZSTD[0](data)
    except ValueError as error:
        raise damaged(name, f"{what} does not decompress ({error})") from error


# ----- keys -----------------------------------------------------------------------------------


class KeyRing:
    def __init__(self, paths):
        self.keys = {}
        for path in paths:
            try:
                with open(path, encoding="utf-8") as file:
                    document = json.load(file)
                # One secret of AWS Secrets Manager holds one key; a file holds several.
                keys = document["keys"] if "keys" in document else [document]
                if document["version"] != 1 or not keys:
                    raise ValueError
                for one in keys:
                    key = base64.b64decode(one["key"], validate=True)
                    if len(key) != 32:
                        raise ValueError
                    self.keys[one["keyId"]] = key
            except OSError as error:
                raise Stop(DAMAGED, f'The key file "{path}" cannot be read: {error.strerror}') from None
            except (ValueError, KeyError, TypeError):
                # Nothing of its content is told: it may be a key.
                raise Stop(DAMAGED, f'"{path}" is not a key file of dbdr, or it is damaged') from None

    def unwrap(self, key_id, wrapped, associated, name):
        if key_id not in self.keys:
            held = ", ".join(self.keys)
            raise Stop(DAMAGED, f'"{name}" needs the key {key_id}, and the key file holds {held}')
        try:
            raw = base64.b64decode(wrapped, validate=True)
            exact = len(raw) == 12 + 32 + TAG and base64.b64encode(raw) == wrapped.encode()
        except ValueError:
            exact = False
        require(exact, name, "its wrapped key is damaged")
        data_key = open_sealed(
            self.keys[key_id], raw[:12], raw[12:], associated + b"\0" + key_id.encode()
        )
        why = f"its data key was wrapped for another name or cluster, with another key than {key_id}, or is damaged"
        require(data_key is not None, name, why)
        return data_key

    def names_content(self, content, name):
        """Whether `name` is the keyed hash that stands for this content."""
        for key in self.keys.values():
            name_key = derive(key, b"", b"dbdr/v1 content names")
            digest = hmac.new(name_key, content, hashlib.sha256).hexdigest()[:32]
            if hmac.compare_digest(digest, name):
                return True
        return False


# ----- encrypted objects ----------------------------------------------------------------------


class Store:
    def __init__(self, folder, ring):
        self.folder = folder
        self.ring = ring
        if not os.path.isdir(folder):
            # Perhaps it is not mounted: never the code that PostgreSQL takes for the end of the log.
            raise Stop(DAMAGED, f'There is no store at "{folder}"')

    def path(self, name):
        return os.path.join(self.folder, *name.split("/"))

    def names(self, prefix):
        """Names of the objects in the folder `prefix`, in order."""
        try:
            return sorted(os.listdir(self.path(prefix)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def open(self, name, begin=0):
        return EncryptedObject(self, name, begin)


class EncryptedObject:
    """Plain bytes of any range, each segment authenticated before a byte of it is believed."""

    def __init__(self, store, name, begin):
        self.name = name
        try:
            self.file = open(store.path(name), "rb")
        except FileNotFoundError:
            raise damaged(name, "there is no such object in the store") from None
        self.begin = begin
        size = os.fstat(self.file.fileno()).st_size - begin
        system_id = name.split("/")[1].split("-")[1]
        associated = b"dbdr/v1\0" + system_id.encode() + b"\0" + name.encode()

        fixed = self._read(0, 8)
        require(len(fixed) == 8 and fixed[:4] == b"DBDR", name, "it does not begin like an object of dbdr")
        require(fixed[4] == 1, name, f"its version is {fixed[4]}, and this program reads version 1")
        length = struct.unpack(">H", fixed[6:8])[0]
        text = self._read(8, length)
        try:
            header = json.loads(text)
            key_id, wrapped = header["keyId"], header["wrapped"]
            written = json.dumps({"keyId": key_id, "wrapped": wrapped}, separators=(",", ":"))
            exact = written.encode() == text and fixed[5] == 0 and length <= 4096
        except (ValueError, KeyError, TypeError):
            exact = False
        require(exact, name, "its header is damaged")
        data_key = store.ring.unwrap(key_id, wrapped, associated, name)

        self.stream = 8 + length
        self.stream_size = size - self.stream
        self.segments = max(1, -(-self.stream_size // SEGMENT))
        self.size = self.stream_size - STREAM_HEADER - self.segments * TAG
        last = self.stream_size - (self.segments - 1) * SEGMENT
        least = STREAM_HEADER + TAG if self.segments == 1 else TAG + 1
        header = self._read(self.stream, STREAM_HEADER)
        require(last >= least and header[0] == STREAM_HEADER, name, "it was cut")
        self.key = derive(data_key, header[1:33], associated)
        self.prefix = header[33:]
        self.opened = (None, b"")

    def _read(self, at, length):
        self.file.seek(self.begin + at)
        return self.file.read(length)

    def segment(self, number):
        if self.opened[0] == number:
            return self.opened[1]
        start = STREAM_HEADER if number == 0 else number * SEGMENT
        end = min((number + 1) * SEGMENT, self.stream_size)
        nonce = self.prefix + struct.pack(">IB", number, number == self.segments - 1)
        plain = open_sealed(self.key, nonce, self._read(self.stream + start, end - start), None)
        why = f"segment {number} of it was changed or cut, or the object was"
        require(plain is not None, self.name, why)
        self.opened = (number, plain)
        return plain

    def read(self, at, length):
        """Plain bytes [at, at + length); fewer at the end."""
        end = min(at + length, self.size)
        parts = []
        first = SEGMENT - STREAM_HEADER - TAG
        while at < end:
            number = 0 if at < first else 1 + (at - first) // (SEGMENT - TAG)
            begin = 0 if number == 0 else first + (number - 1) * (SEGMENT - TAG)
            part = self.segment(number)[at - begin : end - begin]
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def read_all(self):
        # An empty object has a segment, too, and it proves that nothing was cut.
        self.segment(self.segments - 1)
        return self.read(0, self.size)

    def close(self):
        self.file.close()


# ----- backups --------------------------------------------------------------------------------

CLUSTER = re.compile(r"[A-Za-z0-9._-]+/\d+-\d+")
BACKUP_ID = re.compile(r"\d{8}T\d{6}Z")


def clusters(store):
    for server in store.names(""):
        for name in store.names(server):
            if CLUSTER.fullmatch(f"{server}/{name}"):
                yield f"{server}/{name}"


def backup_folders(store):
    """Names such as shop/15-7341/base/20261122T010000Z, and whether each has its manifest."""
    for cluster in clusters(store):
        for backup_id in store.names(f"{cluster}/base"):
            folder = f"{cluster}/base/{backup_id}"
            if BACKUP_ID.fullmatch(backup_id):
                yield folder, os.path.isfile(store.path(f"{folder}/manifest"))


class Backup:
    """A manifest: its plain part is believed because its encrypted part holds the hash of it."""

    def __init__(self, store, folder):
        self.store = store
        self.folder = folder
        self.name = name = f"{folder}/manifest"
        with open(store.path(name), "rb") as file:
            fixed = file.read(12)
            require(len(fixed) == 12 and fixed[:4] == b"DBMF", name, "it does not begin like a manifest")
            require(fixed[4] == 1, name, f"its version is {fixed[4]}, and this program reads version 1")
            length = struct.unpack(">I", fixed[8:12])[0]
            require(length <= 4 << 20, name, "its plain part is far too large")
            preamble = fixed + file.read(length)
        self.object = store.open(name, begin=len(preamble))
        head_length = struct.unpack(">I", self._part(0, 4))[0]
        try:
            self.head = json.loads(self._part(4, head_length))
            self.summary = json.loads(preamble[12:])
            parts = self.head["filesBytes"], self.head["postgresManifestBytes"], self.head.get("cataloguesBytes", 0)
            digest = self.head["preambleSha256"]
            place = "{server}/{major}-{systemId}/base/{backupId}".format(**self.summary)
        except (ValueError, KeyError, TypeError):
            raise damaged(name, "its head cannot be read") from None
        require(digest == hashlib.sha256(preamble).hexdigest(), name, "its plain part was changed")
        require(place == folder, name, f"it speaks of another backup, {place}")
        self.files_at = 4 + head_length
        self.postgres_at = self.files_at + parts[0]
        self.catalogues_at = self.postgres_at + parts[1]
        require(self.catalogues_at + parts[2] == self.object.size, name, "its parts do not add up")

    def _part(self, at, length):
        part = self.object.read(at, length)
        require(len(part) == length, self.name, "it is too short")
        return part

    def files(self):
        """[path, kind, size, mode, seconds since 1970] for each entry, in the order packs count."""
        stored = self._part(self.files_at, self.head["filesBytes"])
        text = decompress(stored, self.name, "its list of files").decode()
        try:
            return [json.loads(line) for line in text.split("\n")]
        except ValueError:
            raise damaged(self.name, "its list of files cannot be read") from None

    def postgres_manifest(self):
        stored = self._part(self.postgres_at, self.head["postgresManifestBytes"])
        return decompress(stored, self.name, "PostgreSQL's manifest")

    def catalogues(self):
        stored = self._part(self.catalogues_at, self.head["cataloguesBytes"])
        try:
            return json.loads(decompress(stored, self.name, "its catalogues"))
        except ValueError:
            raise damaged(self.name, "its catalogues cannot be read") from None

    def pieces(self, wanted=None):
        """(number of the file, offset, bytes), of all files or of the wanted ones only."""
        for entry in self.head["packs"]:
            yield from read_pack(self.store, f"{self.folder}/{entry['name']}", entry, wanted)


def read_pack(store, name, entry, wanted):
    path = store.path(name)
    size = os.path.getsize(path) if os.path.isfile(path) else None
    require(size is not None, name, "it is missing")
    require(size == entry["sizeBytes"], name, f"it has {size} bytes instead of {entry['sizeBytes']}")
    pack = store.open(name)
    with contextlib.closing(pack):
        at = 0
        for stored, plain_size, extents in read_footer(pack, entry):
            if wanted is None or any(file in wanted for file, _, _ in extents):
                plain = pack.read(at, stored)
                # As many bytes as it had before: it was not compressed.
                if stored != plain_size:
                    plain = decompress(plain, name, "a frame")
                require(len(plain) == plain_size, name, "a frame has another length")
                begin = 0
                for file, offset, length in extents:
                    if wanted is None or file in wanted:
                        yield file, offset, plain[begin : begin + length]
                    begin += length
            at += stored


def read_footer(pack, entry):
    """The frames: [stored bytes, plain bytes, [[file, offset, length], ...]]."""
    name = pack.name
    require(pack.size >= 16, name, "it is too short")
    magic, count, length = struct.unpack(">4sIQ", pack.read(pack.size - 16, 16))
    frames_end = pack.size - 16 - length
    require(magic == b"DBPK" and frames_end >= 0, name, "it does not end like a pack")
    try:
        footer = json.loads(decompress(pack.read(frames_end, length), name, "its index"))
        frames = footer["frames"]
        well = footer["version"] == 1 and len(frames) == count == entry["frames"]
        well = well and sum(stored for stored, _, _ in frames) == frames_end
        for _, plain_size, extents in frames:
            lengths = [length for _, _, length in extents]
            well = well and sum(lengths) == plain_size <= FRAME_MAX and min(lengths) > 0
    except (ValueError, KeyError, TypeError):
        raise damaged(name, "its index cannot be read") from None
    require(well, name, "its index does not agree with itself or with the manifest")
    return frames


class Coverage:
    """That every byte of every wanted file came exactly once."""

    def __init__(self, backup, files, wanted):
        self.backup = backup
        self.files = files
        self.seen = {number: [] for number in wanted}

    def add(self, number, offset, length):
        require(number in self.seen, self.backup.name, "a pack holds bytes of no listed file")
        path, _, size = self.files[number][:3]
        require(offset + length <= size, self.backup.name, f"bytes lie behind the end of {path}")
        self.seen[number].append((offset, length))

    def require_all(self):
        for number, pieces in self.seen.items():
            path, _, size = self.files[number][:3]
            end = 0
            for offset, length in sorted(pieces):
                require(offset == end, self.backup.name, f"bytes of {path} are missing or stand twice")
                end += length
            require(end == size, self.backup.name, f"{size - end} bytes of {path} are missing")


def find_backup(store, wanted):
    """By its id, or by its folder in the store."""
    there = [folder for folder, has_manifest in backup_folders(store) if has_manifest]
    found = [one for one in there if one == wanted or one.endswith(f"/{wanted}")]
    if len(found) == 1:
        return Backup(store, found[0])
    if found:
        raise Stop(WORDS, f'"{wanted}" may be one of {", ".join(found)}: name its folder')
    raise Stop(NOT_THERE, f'There is no backup "{wanted}": `list` shows those that are there')


def find_cluster(store, wanted):
    found = [one for one in clusters(store) if wanted in (one, one.split("/")[0])]
    if len(found) == 1:
        return found[0]
    if found:
        raise Stop(WORDS, f'"{wanted}" may be one of {", ".join(found)}: name its folder')
    raise Stop(DAMAGED, f'There is no cluster "{wanted}" in the store')


# ----- commands -------------------------------------------------------------------------------


def list_backups(store, _):
    status = 0
    for folder, has_manifest in backup_folders(store):
        if not has_manifest:
            print(f"{folder}  no manifest: it is being taken, or it never ended")
            continue
        try:
            backup = Backup(store, folder)
        except Stop as stop:
            print(f"{folder}  DAMAGED: {stop}")
            status = DAMAGED
            continue
        one = backup.summary
        torn = f"  bad pages in {', '.join(one['damagedFiles'])}" if one["damagedFiles"] else ""
        print(
            f"{folder}  began {one['beganAt']}  ended {one['endedAt']}  {one['beginLsn']} to "
            f"{one['endLsn']}  {one['files']} files  {one['sourceBytes']} bytes, stored "
            f"{one['storedBytes']}  key {one['keyId']}{torn}"
        )
    return status


def list_files(store, words):
    for path, kind, size, *_ in find_backup(store, words.backup).files():
        print(f"{kind:9}  {size:>12}  {path}")


def show_manifest(store, words):
    sys.stdout.buffer.write(find_backup(store, words.backup).postgres_manifest())


def show_proof(store, words):
    backup = find_backup(store, words.backup)
    if "proofPoint" not in backup.head:
        raise Stop(NOT_THERE, f"{backup.folder} has no proof point: nothing was counted when it was taken")
    point = dict(backup.head["proofPoint"])
    if "cataloguesBytes" in backup.head:
        point["catalogues"] = [count_catalogue(one) for one in backup.catalogues()["databases"]]
    print(json.dumps(point, indent=2))


def count_catalogue(one):
    """How many objects of each kind: all of them would be far too long."""
    counts = {"database": one["database"]}
    for part in "objects", "shared":
        for kind, _, objects in one.get(part, {}).get("groups", []):
            counts[kind] = counts.get(kind, 0) + len(objects)
    return counts


def require_agreement(backup, files):
    """PostgreSQL's manifest is whole, and lists the same files with the same sizes."""
    text = backup.postgres_manifest()
    try:
        manifest = json.loads(text)
        body = text[: text.rindex(b'"Manifest-Checksum"')]
        whole = hashlib.sha256(body).hexdigest() == manifest["Manifest-Checksum"]
        listed = {
            one["Path"] if "Path" in one else bytes.fromhex(one["Encoded-Path"]).decode(): one["Size"]
            for one in manifest["Files"]
        }
    except (ValueError, KeyError, TypeError):
        raise damaged(backup.name, "PostgreSQL's manifest in it cannot be read") from None
    require(whole, backup.name, "PostgreSQL's manifest in it does not agree with its own hash")
    sizes = {path: size for path, kind, size, *_ in files if kind == "file"}
    for path, size in listed.items():
        why = f"{path} has {sizes.get(path)} bytes, and PostgreSQL sent {size}"
        require(sizes.get(path) == size, backup.name, why)


def check(store, words):
    backup = find_backup(store, words.backup)
    files = backup.files()
    require_agreement(backup, files)
    wanted = [number for number, one in enumerate(files) if one[1] == "file"]
    coverage = Coverage(backup, files, wanted)
    total = 0
    for number, offset, data in backup.pieces():
        coverage.add(number, offset, len(data))
        total += len(data)
    coverage.require_all()
    print(f"{backup.folder}: {len(wanted)} files, {total} bytes, all of them proved")


def restore(store, words):
    backup = find_backup(store, words.backup)
    if words.path:
        restore_some(backup, words.into, words.path)
    else:
        restore_all(backup, words.into)


def safe_parts(backup, path):
    parts = path.split("/")
    bad = "\0" in path or any(part in ("", ".", "..") for part in parts)
    require(not bad, backup.name, f"the path {path!r} leads out of the directory")
    return parts


def restore_some(backup, into, paths):
    """Each under its own path in `into`, a tablespace's below pg_tblspc; nothing is overwritten."""
    files = backup.files()
    numbers = {one[0]: number for number, one in enumerate(files) if one[1] == "file"}
    missing = [path for path in paths if path not in numbers]
    if missing:
        raise Stop(NOT_THERE, f"There is no {missing[0]} in this backup: `files` shows what is")
    targets = {}
    for path in dict.fromkeys(paths):
        target = os.path.join(into, *safe_parts(backup, path))
        if os.path.lexists(target):
            raise Stop(WORDS, f'"{target}" is there already')
        os.makedirs(os.path.dirname(target), exist_ok=True)
        targets[numbers[path]] = target
    coverage = Coverage(backup, files, targets)
    unfinished = {number: f"{target}.unfinished" for number, target in targets.items()}
    try:
        for path in unfinished.values():
            make_file(path, 0, 0o600)
        with Writer(unfinished) as writer:
            for number, offset, data in backup.pieces(set(targets)):
                coverage.add(number, offset, len(data))
                writer.write(number, offset, data)
        coverage.require_all()
        for number, target in targets.items():
            sync(unfinished[number])
            os.rename(unfinished[number], target)
    finally:
        for path in unfinished.values():
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
    for number, target in targets.items():
        print(f"{target}: {files[number][2]} bytes")


def restore_all(backup, into):
    """As dbdr lays it out: tablespaces beside the directory, global/pg_control last."""
    into = os.path.abspath(into)
    beside = f"{into}.tablespaces"
    files = backup.files()
    require_agreement(backup, files)
    # One that stood inside the data directory has a relative path, and stays inside.
    far = [str(one["oid"]) for one in backup.head["tablespaces"] if os.path.isabs(one["path"])]
    for place in [into] + [beside] * bool(far):
        if os.path.isdir(place) and os.listdir(place):
            raise Stop(WORDS, f'"{place}" is not empty')

    def target(path):
        parts = safe_parts(backup, path)
        if parts[0] == "pg_tblspc" and len(parts) > 1 and parts[1] in far:
            return os.path.join(beside, *parts[1:])
        return os.path.join(into, *parts)

    for place in [into, os.path.join(into, "pg_tblspc")] + [os.path.join(beside, oid) for oid in far]:
        make_folder(place)
    directory_mode = int(backup.head["settings"].get("data_directory_mode", "0700"), 8)
    targets, modes = {}, {into: directory_mode & 0o777 | 0o700}
    for number, (path, kind, size, mode, *_) in enumerate(files):
        # The links of tablespace_map are made anew, to places of their own.
        if kind == "link" or path == "tablespace_map" or not path.strip("./"):
            continue
        if kind == "directory":
            modes[target(path.rstrip("/"))] = mode & 0o777 | 0o700
            make_folder(target(path.rstrip("/")))
        else:
            control = path == "global/pg_control"
            targets[number] = target(path) + (".unfinished" if control else "")
            make_folder(os.path.dirname(targets[number]))
            make_file(targets[number], size, mode & 0o777)
    for oid in far:
        os.symlink(os.path.join(beside, oid), os.path.join(into, "pg_tblspc", oid))

    coverage = Coverage(backup, files, [n for n, one in enumerate(files) if one[1] == "file"])
    with Writer(targets) as writer:
        for number, offset, data in backup.pieces():
            coverage.add(number, offset, len(data))
            if number in targets:
                writer.write(number, offset, data)
    coverage.require_all()
    for path in targets.values():
        sync(path)
    control = os.path.join(into, "global", "pg_control")
    if not os.path.isfile(f"{control}.unfinished"):
        raise damaged(backup.name, "global/pg_control is missing")
    os.rename(f"{control}.unfinished", control)
    for root in [into] + [beside] * bool(far):
        for folder, _, _ in os.walk(root):
            os.chmod(folder, modes.get(folder, 0o700))
            sync(folder)
    one = backup.summary
    print(
        f"{into}: {len(targets)} files of {backup.folder}. It is consistent once PostgreSQL {one['major']} "
        f"has replayed the log from {one['beginLsn']} to {one['endLsn']}"
    )
    if "proofLsn" in one:
        print(f"Its proof point (`proof`) needs the log up to {one['proofLsn']}")
    for path in one.get("leftOut", []):
        print(f"{path} belongs to the server and is not in its backup")


class Writer:
    """Keeps the file open that is being written: packs hold runs of the same one."""

    def __init__(self, targets):
        self.targets = targets
        self.number = self.file = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.file is not None:
            self.file.close()

    def write(self, number, offset, data):
        if self.number != number:
            self.__exit__()
            self.number, self.file = number, open(self.targets[number], "r+b")
        self.file.seek(offset)
        self.file.write(data)


def make_folder(path):
    os.makedirs(path, mode=0o700, exist_ok=True)


def make_file(path, size, mode):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.truncate(size)
        os.fchmod(file.fileno(), mode)


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ----- write-ahead log ------------------------------------------------------------------------


def fetch_wal(store, words):
    cluster = find_cluster(store, words.cluster)
    content = None
    if re.fullmatch(r"[0-9A-F]{24}", words.name):
        content = read_whole(store, cluster, words.name) or read_tails(store, cluster, words.name)
    elif re.fullmatch(r"[0-9A-F]{8}\.history", words.name):
        if words.name in store.names(f"{cluster}/wal"):
            content = read_wal(store, f"{cluster}/wal/{words.name}")
    if content is None:
        raise Stop(NOT_THERE, f"{words.name} is not stored")
    with open(f"{words.file}.part", "wb") as file:
        file.write(content)
    os.rename(f"{words.file}.part", words.file)


def read_wal(store, name):
    sealed = store.open(name)
    with contextlib.closing(sealed):
        return decompress(sealed.read_all(), name, "it")


def read_whole(store, cluster, segment):
    folder = f"{cluster}/wal/{segment[:8]}"
    found = [one for one in store.names(folder) if re.fullmatch(segment + "-[0-9a-f]{32}", one)]
    if not found:
        return None
    require(len(found) == 1, segment, f"it is stored with two contents, {' and '.join(found)}")
    name = f"{folder}/{found[0]}"
    content = read_wal(store, name)
    named = store.ring.names_content(content, found[0][25:])
    require(named, name, "its content is not the one its name stands for")
    require(len(content) == segment_size(store, cluster), name, f"it has {len(content)} bytes")
    return content


def read_tails(store, cluster, segment):
    """As far as the stored parts lead without a break; zeros behind, where PostgreSQL sees the end."""
    folder = f"{cluster}/tail/{segment[:8]}/{segment}"
    found = [re.fullmatch(r"([0-9A-F]{16})-([0-9A-F]{16})", one) for one in store.names(folder)]
    tails = sorted((int(one[1], 16), int(one[2], 16), one[0]) for one in found if one)
    if not tails:
        return None
    size = segment_size(store, cluster)
    begin = (int(segment[8:16], 16) * (0x100000000 // size) + int(segment[16:], 16)) * size
    content = bytearray(size)
    end = begin
    for first, last, name in tails:
        if first > end:
            break
        if last > end:
            part = read_wal(store, f"{folder}/{name}")
            fits = len(part) == last - first and last <= begin + size
            require(fits, f"{folder}/{name}", f"it has {len(part)} bytes instead of {last - first}")
            content[first - begin : last - begin] = part
            end = last
    require(end > begin, segment, "its stored parts do not lead from its beginning on")
    return bytes(content)


def segment_size(store, cluster):
    """As the newest backup of the cluster has it whose manifest can be proved."""
    for folder, has_manifest in reversed(list(backup_folders(store))):
        if has_manifest and folder.startswith(f"{cluster}/"):
            with contextlib.suppress(Stop):
                return Backup(store, folder).summary["segmentBytes"]
    raise Stop(DAMAGED, f'No backup of "{cluster}" says how large its segments are')


def read_words(arguments):
    first, *more = __doc__.split("\n", 1)
    parser = argparse.ArgumentParser(
        description=first, epilog=more[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, metavar="DIR")
    parser.add_argument("--key", required=True, action="append", metavar="KEYRING.json")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, action, *positional):
        one = commands.add_parser(name)
        for word in positional:
            one.add_argument(word)
        one.set_defaults(action=action)
        return one

    command("list", list_backups)
    command("files", list_files, "backup")
    command("check", check, "backup")
    command("manifest", show_manifest, "backup")
    command("proof", show_proof, "backup")
    command("wal", fetch_wal, "cluster", "name", "file")
    command("restore", restore, "backup", "into").add_argument("path", nargs="*")
    return parser.parse_args(arguments)


def main():
    words = read_words(sys.argv[1:])
    try:
        return words.action(Store(words.store, KeyRing(words.key)), words) or 0
    except Stop as stop:
        print(f"read_backup.py: {stop}", file=sys.stderr)
        return stop.code
    except ImportError as error:
        print(f"read_backup.py: {error}: install the Python package cryptography", file=sys.stderr)
        return DAMAGED
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # Python itself would end with 1, which means "not stored".
        print(f"read_backup.py: {type(error).__name__}: {error}", file=sys.stderr)
        return DAMAGED


if __name__ == "__main__":
    sys.exit(main())
