"""Rendered pictures, 8-bit grey: boards, steel strip and machined parts, with defects of known kind and place."""
