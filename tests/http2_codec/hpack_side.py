"""Field blocks, read and written by Python's `hpack`: one command a line, one answer a line for those that have one."""

import sys

from hpack import Decoder, Encoder, HeaderTuple, NeverIndexedHeaderTuple

decoder, encoder = Decoder(max_header_list_size=1 << 20), Encoder()

for line in sys.stdin:
    verb, *words = line.split()
    if verb == "allow":
        decoder.max_allowed_table_size = int(words[0])
    elif verb == "table":
        encoder.header_table_size = int(words[0])
    elif verb == "read":
        fields = decoder.decode(bytes.fromhex("".join(words)), raw=True)
        secret = [isinstance(field, NeverIndexedHeaderTuple) for field in fields]
        print(*(f"{n.hex()}:{v.hex()}:{int(s)}" for (n, v), s in zip(fields, secret)))
    elif verb == "write":
        fields = []
        for word in words:
            name, value, secret = word.split(":")
            kind = NeverIndexedHeaderTuple if secret == "1" else HeaderTuple
            fields.append(kind(bytes.fromhex(name), bytes.fromhex(value)))
        print(encoder.encode(fields, huffman=len(fields) % 3 != 0).hex())
