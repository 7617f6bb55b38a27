"""A PNG writer whose bytes depend on the pixels alone.

The compressed bytes of Pillow and zlib differ between versions and builds, and with them every SHA-256 in the landing.
So the deflate stream is made here: one block, Huffman codes only, no search for repetitions.
"""

import heapq
import struct
import zlib

import numpy

LONGEST_CODE_BITS = 15
LENGTH_CODE_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def encode(pixels: numpy.ndarray) -> bytes:
    """The PNG file of an 8-bit grey picture (rows, columns; uint8)."""
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = _filtered(pixels).tobytes()
    compressed = b"\x78\x01" + _deflate(data) + struct.pack(">I", zlib.adler32(data))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", compressed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _filtered(pixels: numpy.ndarray) -> numpy.ndarray:
    """Scan lines as differences to the left or upper neighbour, whichever leaves more zeros, after a filter byte."""
    left, up = pixels.copy(), pixels.copy()
    left[:, 1:] -= pixels[:, :-1]
    up[1:] -= pixels[:-1]
    use_left = numpy.count_nonzero(left) <= numpy.count_nonzero(up)
    filter_byte = numpy.full((len(pixels), 1), 1 if use_left else 2, numpy.uint8)
    return numpy.hstack([filter_byte, left if use_left else up])


def _deflate(data: bytes) -> bytes:
    """One final deflate block with dynamic Huffman codes for literals and the end marker (RFC 1951, 3.2.7)."""
    symbols = numpy.append(numpy.frombuffer(data, numpy.uint8), numpy.uint16(256))
    lengths = _code_lengths(numpy.bincount(symbols, minlength=257))
    # final block, dynamic codes, 257 literal codes, 1 distance code, 19 lengths of the codes for code lengths
    fields = ((1, 1), (2, 2), (0, 5), (0, 5), (15, 4))
    header = [value >> bit & 1 for value, size in fields for bit in range(size)]
    # the lengths 0 to 15 are written as they are, in 4 bits each; the three codes for repetitions are not used
    header += [bit for symbol in LENGTH_CODE_ORDER for bit in ((0, 0, 1) if symbol < 16 else (0, 0, 0))]
    written_lengths = numpy.array([*lengths, 0])  # the last one: no distance code
    header += ((written_lengths[:, None] >> numpy.arange(3, -1, -1)) & 1).ravel().tolist()
    length_of, place = numpy.array(lengths), numpy.arange(max(lengths))
    # codes go into the stream with the high bit first
    bit_table = numpy.array(_canonical_codes(lengths))[:, None] >> numpy.maximum(length_of[:, None] - 1 - place, 0) & 1
    is_used = place < length_of[:, None]
    body = bit_table.astype(numpy.uint8)[symbols][is_used[symbols]]
    return numpy.packbits(numpy.concatenate([numpy.array(header, numpy.uint8), body]), bitorder="little").tobytes()


def _code_lengths(counts: numpy.ndarray) -> list[int]:
    """Huffman code lengths in bits, 0 for unused symbols, none longer than deflate allows."""
    while True:
        heap = [(int(count), symbol, (symbol,)) for symbol, count in enumerate(counts) if count]
        heapq.heapify(heap)
        lengths = [0] * len(counts)
        while len(heap) > 1:
            first, second = heapq.heappop(heap), heapq.heappop(heap)
            for symbol in first[2] + second[2]:
                lengths[symbol] += 1
            heapq.heappush(heap, (first[0] + second[0], min(first[1], second[1]), first[2] + second[2]))
        if max(lengths) <= LONGEST_CODE_BITS:
            return lengths
        counts = (counts + 1) // 2  # a flatter histogram has shorter codes


def _canonical_codes(lengths: list[int]) -> list[int]:
    codes, code, previous = [0] * len(lengths), 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths) if length):
        code <<= length - previous
        codes[symbol], code, previous = code, code + 1, length
    return codes
