"""Tink's own AES256_GCM_HKDF_1MB, for tests that hold ours against it.

Reads one JSON request a line: {"action": "seal" | "open", "key": hex, "associated": hex, "from": path,
"to": path}; answers one JSON line each: {"ok": true} or {"ok": false, "why": text}.
"""

import base64
import io
import json
import sys

import tink
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2

streaming_aead.register()
TEMPLATE = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB


class Kept(io.BytesIO):
    """Keeps what was written after Tink has closed it."""

    content = b""

    def close(self):
        self.content = self.getvalue()
        super().close()


def primitive_of(key):
    """Tink makes a keyset of its own; ours differs from it in nothing but the key."""
    handle = tink.new_keyset_handle(TEMPLATE)
    keyset = json.loads(tink.json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))
    data = keyset["key"][0]["keyData"]
    proto = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey.FromString(base64.b64decode(data["value"]))
    proto.key_value = key
    data["value"] = base64.b64encode(proto.SerializeToString()).decode()
    ours = tink.json_proto_keyset_format.parse(json.dumps(keyset), secret_key_access.TOKEN)
    return ours.primitive(streaming_aead.StreamingAead)


def perform(request):
    aead = primitive_of(bytes.fromhex(request["key"]))
    associated = bytes.fromhex(request["associated"])
    with open(request["from"], "rb") as source:
        content = source.read()
    if request["action"] == "seal":
        kept = Kept()
        with aead.new_encrypting_stream(kept, associated) as stream:
            stream.write(content)
        result = kept.content
    else:
        with aead.new_decrypting_stream(io.BytesIO(content), associated) as stream:
            result = stream.read()
    with open(request["to"], "wb") as target:
        target.write(result)


for line in sys.stdin:
    try:
        perform(json.loads(line))
        answer = {"ok": True}
    except Exception as error:  # Whatever it is, the test wants to hear of it.
        answer = {"ok": False, "why": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
