package org.edgekit.worker;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/**
 * Numbers with a shape, as they travel in messages: contiguous, little-endian, outermost axis first.
 *
 * <p>{@code batchAxis} is the axis that ncnn keeps as {@code Mat.n}, -1 where there is none. Immutable; the
 * numbers may be a map of a file.
 */
public final class Tensor {
    public static final int NO_BATCH_AXIS = -1;

    public final String dtype;
    public final int batchAxis;
    private final int[] shape;
    private final ByteBuffer data;

    Tensor(String dtype, int[] shape, int batchAxis, ByteBuffer data) {
        if (data.remaining() != itemSize(dtype) * (long) count(shape)) {
            throw new IllegalArgumentException(data.remaining() + " bytes are no " + dtype + " of that shape");
        }
        this.dtype = dtype;
        this.shape = shape.clone();
        this.batchAxis = batchAxis;
        this.data = data.slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A float32 tensor that owns a copy of the values. */
    public static Tensor of(float[] values, int[] shape, int batchAxis) {
        ByteBuffer data = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        data.asFloatBuffer().put(values);
        return new Tensor("float32", shape, batchAxis, data);
    }

    public int[] shape() {
        return shape.clone();
    }

    /** How many numbers it holds. */
    public int count() {
        return count(shape);
    }

    /** A copy of the numbers of a float32 tensor. */
    public float[] floats() {
        if (!dtype.equals("float32")) {
            throw new IllegalStateException("the tensor is " + dtype);
        }
        float[] values = new float[count()];
        FloatBuffer source = bytes().asFloatBuffer();
        source.get(values);
        return values;
    }

    /** A copy of the numbers of a float64 tensor. */
    public double[] doubles() {
        if (!dtype.equals("float64")) {
            throw new IllegalStateException("the tensor is " + dtype);
        }
        double[] values = new double[count()];
        bytes().asDoubleBuffer().get(values);
        return values;
    }

    /** Copies {@code length} numbers from {@code start} on into {@code target}, whatever their dtype. */
    public void copy(int start, int length, double[] target) {
        ByteBuffer source = bytes();
        for (int at = 0; at < length; at++) {
            int index = start + at;
            switch (dtype) {
                case "float32":
                    target[at] = source.getFloat(4 * index);
                    break;
                case "int32":
                    target[at] = source.getInt(4 * index);
                    break;
                default:
                    target[at] = source.getDouble(8 * index);
            }
        }
    }

    /** The numbers as bytes, from the first to the last. */
    ByteBuffer bytes() {
        return data.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    static int itemSize(String dtype) {
        switch (dtype) {
            case "float32":
            case "int32":
                return 4;
            case "float64":
                return 8;
            default:
                throw new IllegalArgumentException("messages have no tensors of " + dtype);
        }
    }

    static int count(int[] shape) {
        int count = 1;
        for (int size : shape) {
            count = Math.multiplyExact(count, size);
        }
        return count;
    }
}
