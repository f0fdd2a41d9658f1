package org.edgekit.worker;

import org.json.JSONException;
import org.json.JSONObject;

/** Turns what the worker saw of a machine into the {@code device} of edgekit's documents. */
public final class DeviceDescription {
    private final String kind;
    private final String system;
    public final boolean emulated;

    /**
     * @param kind "android", or what else carries the worker
     * @param system what a person calls it ("Google Pixel 8, Android 15"), added to the kernel's own name
     * @param emulated whether times mean nothing here
     */
    public DeviceDescription(String kind, String system, boolean emulated) {
        this.kind = kind;
        this.system = system;
        this.emulated = emulated;
    }

    public JSONObject of(JSONObject environment) throws JSONException {
        String kernel = environment.getString("system");
        return new JSONObject()
                .put("kind", kind)
                .put("arch", environment.getString("arch"))
                .put("cpu", environment.getString("cpu"))
                .put("emulated", emulated)
                .put("ncnn", environment.getString("ncnn"))
                .put("cores", environment.getInt("cores"))
                .put("system", system.isEmpty() ? kernel : system + ", " + kernel)
                .put("features", environment.getJSONObject("features"));
    }
}
