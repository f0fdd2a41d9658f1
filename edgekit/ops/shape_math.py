"""Output shapes of arithmetic: broadcasting, reductions, matrix products, recurrence, attention.

Sources: `forward` of the layers in ncnn's `src/layer`.
"""

from __future__ import annotations

from math import prod

from edgekit.ops.sized import CannotTell, Shape, Sized, resized


def same(layer: Sized) -> tuple[Shape, ...]:
    """Return the shape of the first input, for every output."""
    return (layer.input(),) * layer.outputs


def each(layer: Sized) -> tuple[Shape, ...]:
    """Return the shapes of the inputs as they are."""
    return tuple(layer.input(index) for index in range(layer.outputs))


def binary(layer: Sized) -> tuple[Shape, ...]:
    """Return the broadcast shape.

    A blob with fewer axes gets axes of 1 *behind* its own, so that (c) meets (c, h, w) by channel;
    a vector that does not fit the outermost axis lies along the innermost.
    """
    first = layer.input()
    if layer.params.integer("with_scalar") or len(layer.inputs) == 1:
        return (first,)
    second = layer.input(1)
    if len(first) < len(second):
        first = _widened(first, second)
    elif len(second) < len(first):
        second = _widened(second, first)
    if any(a != b and 1 not in (a, b) for a, b in zip(first, second, strict=True)):
        raise CannotTell(f"shapes {first} and {second} do not broadcast")
    return (tuple(map(max, first, second)),)


def _widened(shape: Shape, other: Shape) -> Shape:
    ones = (1,) * (len(other) - len(shape))
    if len(shape) == 1 and shape[0] != other[0]:
        return (*ones, *shape)
    return (*shape, *ones)


def reduction(layer: Sized) -> tuple[Shape, ...]:
    """Return the shape without the reduced axes, or with 1 in their place; (1) if none is left."""
    shape, params = layer.input(), layer.params
    rank = len(shape)
    if params.integer("reduce_all") or rank == 1:
        reduced = set(range(rank))
    else:
        reduced = {axis % rank for axis in params.ints("axes") if -rank <= axis < rank}
    if params.integer("keepdims"):
        return (tuple(1 if axis in reduced else size for axis, size in enumerate(shape)),)
    return (tuple(size for axis, size in enumerate(shape) if axis not in reduced) or (1,),)


def halved(layer: Sized) -> tuple[Shape, ...]:
    """Return the shape with half of one axis."""
    shape, axis = layer.input(), layer.axis()
    return (resized(shape, axis, shape[axis] // 2),)


def inner_product(layer: Sized) -> tuple[Shape, ...]:
    """Return (rows, out) of a matrix with rows of the right length, else (out)."""
    shape, out = layer.input(), layer.params.positive("num_output")
    columns = layer.params.quotient("weight_data_size", out)
    if len(shape) == 2 and shape[1] == columns:
        return ((shape[0], out),)
    if prod(shape) != columns:
        raise CannotTell(f"{prod(shape)} inputs meet a weight for {columns}")
    return ((out,),)


def embed(layer: Sized) -> tuple[Shape, ...]:
    """Return (words, out)."""
    return ((prod(layer.input()), layer.params.positive("num_output")),)


def _matrix(shape: Shape) -> tuple[int, int]:
    """Return rows and columns as `Gemm` sees them: of rank 3 the rows are the channels."""
    if len(shape) not in (2, 3):
        raise CannotTell(f"an operand has {len(shape)} axes, 2 or 3 expected")
    return shape[0], shape[-1]


def gemm(layer: Sized) -> tuple[Shape, ...]:
    """Return (M, N), transposed or with an axis between them as asked for."""
    params = layer.params
    blobs = iter(range(len(layer.inputs)))
    if params.integer("constantA"):
        rows = params.positive("constantM")
    else:
        rows = _matrix(layer.input(next(blobs, 9)))[1 if params.integer("transA") else 0]
    if params.integer("constantB"):
        columns = params.positive("constantN")
    else:
        columns = _matrix(layer.input(next(blobs, 9)))[0 if params.integer("transB") else 1]
    first, second = (columns, rows) if params.integer("output_transpose") else (rows, columns)
    return ((first, 1, second) if params.integer("output_N1M") else (first, second),)


def matmul(layer: Sized) -> tuple[Shape, ...]:
    """Return (..., M, N) with batch axes broadcast; a vector is a row before and a column behind."""
    a, b = layer.input(0), layer.input(1)
    left = a if len(a) > 1 else (1, *a)
    right = b if len(b) > 1 else (1, *b)
    depth, columns = right[-2:] if not layer.params.integer("transB") else right[:-3:-1]
    if len(b) == 1:
        depth, columns = b[0], 1
    if left[-1] != depth:
        raise CannotTell(f"rows of {left[-1]} meet columns of {depth}")
    rank = max(len(left), len(right))
    batch = tuple(map(max, _padded(left[:-2], rank - 2), _padded(right[:-2], rank - 2)))
    tail = (left[-2],) * (len(a) > 1) + (columns,) * (len(b) > 1)
    return ((*batch, *tail) or (1,),)


def _padded(shape: Shape, rank: int) -> Shape:
    return (*(1,) * (rank - len(shape)), *shape)


def einsum(layer: Sized) -> tuple[Shape, ...]:
    """Return the sizes of the indices behind the arrow; (1) if there are none."""
    left, _, right = "".join(map(chr, layer.params.ints("equation"))).partition("->")
    sizes: dict[str, int] = {}
    for index, term in enumerate(left.split(",")):
        sizes |= dict(zip(term, layer.input(index, len(term)), strict=True))
    if left == "ii" or any(index not in sizes for index in right):
        return ((1,),)
    return (tuple(sizes[index] for index in right) or (1,),)


def recurrent(layer: Sized) -> tuple[Shape, ...]:
    """Return (steps, directions * out), then the last hidden and, of an LSTM, cell state by direction."""
    steps, _ = layer.input(0, 2)
    out = layer.params.positive("num_output")
    directions = 2 if layer.params.integer("direction") == 2 else 1
    hidden = layer.params.values.get("hidden_size", out)
    assert isinstance(hidden, int)
    return ((steps, directions * out), (directions, out), (directions, hidden))[: layer.outputs]


def attention(layer: Sized) -> tuple[Shape, ...]:
    """Return (len_q, features of q), then the keys and values of a cache."""
    params = layer.params
    embed_dim = params.positive("embed_dim")
    cached = 2 if params.integer("kv_cache") else 0
    operands = len(layer.inputs) - cached - (1 if params.integer("attn_mask") else 0)
    query, key = layer.input(0, 2), layer.input(min(1, max(operands - 1, 0)), 2)
    past = layer.input(len(layer.inputs) - 2, 2)[0] if cached else 0
    keys = past + key[0] if operands == 1 or not past else past
    cache = (keys, embed_dim)
    return ((query[0], params.quotient("weight_data_size", embed_dim)), cache, cache)[: layer.outputs]


def sdpa(layer: Sized) -> tuple[Shape, ...]:
    """Return (heads, len_q, dim of v), then the keys and values of a cache."""
    query, key, value = (layer.input(index, 3) for index in range(3))
    past = layer.input(len(layer.inputs) - 2, 3)[1] if layer.params.integer("kv_cache") else 0
    keys = past + key[1]
    return ((*query[:2], value[2]), (key[0], keys, query[2]), (key[0], keys, value[2]))[: layer.outputs]


def arg_max(layer: Sized) -> tuple[Shape, ...]:
    """Return (topk) indices, or (2, topk) with the values."""
    topk = layer.params.positive("topk")
    return ((2, topk) if layer.params.integer("out_max_val") else (topk,),)


def statistics_pooling(layer: Sized) -> tuple[Shape, ...]:
    """Return (c) means, or (2 * c) with the deviations."""
    channels = layer.input(0, 3)[0]
    return ((channels * 2 if layer.params.integer("include_stddev") else channels,),)


def region_pooling(layer: Sized) -> tuple[Shape, ...]:
    """Return (c, pooled_height, pooled_width)."""
    channels = layer.params.values.get("output_dim") or layer.input(0, 3)[0]
    assert isinstance(channels, int)
    return ((channels, layer.params.positive("pooled_height"), layer.params.positive("pooled_width")),)
