package org.edgekit.bundle;

import org.edgekit.worker.Json;
import org.edgekit.worker.Tensor;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** An input or output of a model: {@code shape} in PyTorch, {@code matShape} as ncnn holds it. */
public final class Port {
    public final String name;
    public final String blob;
    public final String dtype;
    public final int matBatchAxis;
    /** Lowest and highest value of an input; 0 and 1 where the bundle does not say. */
    public final float low;
    public final float high;
    /** The output that is this input's value in the next frame, null where it is no state. */
    public final String next;
    private final int[] shape;
    private final int[] matShape;

    Port(JSONObject json) throws JSONException {
        name = json.getString("name");
        blob = json.getString("blob");
        dtype = json.getString("dtype");
        shape = Json.ints(json.getJSONArray("shape"));
        matShape = Json.ints(json.getJSONArray("mat_shape"));
        matBatchAxis = json.isNull("mat_batch_axis") ? Tensor.NO_BATCH_AXIS : json.getInt("mat_batch_axis");
        JSONArray range = json.optJSONArray("value_range");
        low = range == null ? 0 : (float) range.getDouble(0);
        high = range == null ? 1 : (float) range.getDouble(1);
        next = Json.textOrNull(json, "next");
    }

    public int[] shape() {
        return shape.clone();
    }

    public int[] matShape() {
        return matShape.clone();
    }

    /** The tensor that ncnn takes for these numbers, which are in PyTorch's order with a batch of 1. */
    public Tensor tensor(float[] values) {
        return Tensor.of(values, matShape, matBatchAxis);
    }
}
