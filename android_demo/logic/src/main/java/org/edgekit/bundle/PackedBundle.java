package org.edgekit.bundle;

import java.util.List;
import org.edgekit.worker.Json;
import org.json.JSONException;
import org.json.JSONObject;

/** A bundle that {@code edgekit android} put into the assets, as the index describes it. */
public final class PackedBundle {
    public static final String IMAGE = "image";
    public static final String SPECTRUM = "spectrum";

    public final String name;
    public final String model;
    public final String precision;
    /** What a person can give it: {@link #IMAGE}, {@link #SPECTRUM}, or null. */
    public final String media;
    public final int layers;
    public final List<Port> inputs;
    public final List<Port> outputs;
    public final List<PackedFile> files;
    public final List<String> warnings;

    PackedBundle(JSONObject json) throws JSONException {
        name = json.getString("name");
        model = json.getString("model");
        precision = json.getString("precision");
        media = Json.textOrNull(json, "media");
        layers = json.getInt("layers");
        inputs = Json.each(json.getJSONArray("inputs"), Port::new);
        outputs = Json.each(json.getJSONArray("outputs"), Port::new);
        files = Json.each(json.getJSONArray("files"), PackedFile::new);
        warnings = Json.texts(json.getJSONArray("warnings"));
    }

    /** The one input that is no state. */
    public Port given() {
        for (Port port : inputs) {
            if (port.next == null) {
                return port;
            }
        }
        throw new IllegalStateException(name + " has states alone");
    }

    /** Size of all its files. */
    public long bytes() {
        long sum = 0;
        for (PackedFile file : files) {
            sum += file.bytes;
        }
        return sum;
    }

    /** One of a bundle's files, by its path below the bundle's folder. */
    public static final class PackedFile {
        public final String path;
        public final long bytes;
        public final String sha256;

        PackedFile(JSONObject json) throws JSONException {
            path = json.getString("path");
            bytes = json.getLong("bytes");
            sha256 = json.getString("sha256");
            if (path.startsWith("/") || path.contains("..")) {
                throw new JSONException("'" + path + "' leads out of the bundle");
            }
        }
    }
}
