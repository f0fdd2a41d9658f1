package org.edgekit.parity;

import java.io.File;
import java.io.IOException;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.edgekit.worker.Files;
import org.edgekit.worker.Json;
import org.json.JSONException;
import org.json.JSONObject;

/** What a bundle's {@code selftest.json} says: layers, outputs, and on every sample what rounding explains. */
public final class Expected {
    public static final String SCHEMA = "edgekit.selftest/1";
    public static final String FILE = "selftest.json";

    /** Precision to the ncnn options that make it. */
    public final Map<String, JSONObject> precisions;
    /** Precision to the number below which zeros say nothing. */
    public final JSONObject smallest;
    public final List<Layer> layers;
    public final List<Output> outputs;
    public final List<Sample> samples;
    /** How many layers' weights are stored in less than float32, by precision. */
    public final JSONObject weights;
    public final List<String> warnings;

    private Expected(JSONObject json) throws JSONException {
        precisions = new LinkedHashMap<>();
        JSONObject options = json.getJSONObject("precisions");
        for (Iterator<String> names = options.keys(); names.hasNext(); ) {
            String name = names.next();
            precisions.put(name, options.getJSONObject(name));
        }
        smallest = json.getJSONObject("smallest");
        layers = Json.each(json.getJSONArray("layers"), Layer::new);
        outputs = Json.each(json.getJSONArray("outputs"), Output::new);
        samples = Json.each(json.getJSONArray("samples"), Sample::new);
        weights = json.getJSONObject("weights");
        warnings = Json.texts(json.getJSONArray("warnings"));
    }

    /**
     * Reads the file in a bundle's folder.
     *
     * @throws IOException it is missing, damaged, or of another version
     */
    public static Expected read(File bundle) throws IOException {
        try {
            JSONObject json = new JSONObject(Files.readText(new File(bundle, FILE)));
            if (!SCHEMA.equals(json.optString("schema"))) {
                throw new IOException(FILE + " is of schema " + json.optString("schema") + ", expected " + SCHEMA);
            }
            return new Expected(json);
        } catch (JSONException error) {
            throw new IOException(FILE + " is damaged: " + error.getMessage(), error);
        }
    }

    /** A layer of the .param; {@code judged} are its outputs that stand for a PyTorch tensor. */
    public static final class Layer {
        public final int index;
        public final String name;
        public final String type;
        public final List<String> inputs;
        public final List<String> outputs;
        public final List<String> judged;
        public final List<String> anchors;
        /** Where it stands in the user's code; null where that is not known. */
        public final JSONObject source;
        /** Why it cannot be compared; null when it can. */
        public final String reason;
        public final JSONObject methods;
        public final JSONObject confidences;

        Layer(JSONObject json) throws JSONException {
            index = json.getInt("index");
            name = json.getString("name");
            type = json.getString("type");
            inputs = Json.texts(json.getJSONArray("inputs"));
            outputs = Json.texts(json.getJSONArray("outputs"));
            judged = Json.texts(json.getJSONArray("judged"));
            anchors = Json.texts(json.getJSONArray("anchors"));
            source = json.optJSONObject("source");
            reason = Json.textOrNull(json, "reason");
            methods = json.getJSONObject("methods");
            confidences = json.getJSONObject("confidences");
        }
    }

    /** An output of the model. */
    public static final class Output {
        public final String name;
        public final String blob;

        Output(JSONObject json) throws JSONException {
            name = json.getString("name");
            blob = json.getString("blob");
        }
    }

    /** One input of the model with its references. */
    public static final class Sample {
        public final String name;
        public final Map<String, Blob> blobs;
        public final List<Scaled> scaled;

        Sample(JSONObject json) throws JSONException {
            name = json.getString("name");
            JSONObject entries = json.getJSONObject("blobs");
            Map<String, Blob> found = new HashMap<>();
            for (Iterator<String> names = entries.keys(); names.hasNext(); ) {
                String blob = names.next();
                found.put(blob, new Blob(entries.getJSONObject(blob)));
            }
            blobs = Collections.unmodifiableMap(found);
            scaled = Json.each(json.getJSONArray("scaled"), Scaled::new);
        }
    }

    /** The reference of a blob: the key of its tensor, its scale, its floors by precision. */
    public static final class Blob {
        public final String tensor;
        public final double scale;
        private final JSONObject floors;

        Blob(JSONObject json) throws JSONException {
            tensor = json.getString("tensor");
            scale = json.getDouble("scale");
            floors = json.getJSONObject("floors");
        }

        double isolated(String precision) throws JSONException {
            return floors.getJSONObject(precision).getDouble("isolated");
        }

        double propagated(String precision) throws JSONException {
            return floors.getJSONObject(precision).getDouble("propagated");
        }
    }

    /** A layer with a bound, alone, on its input scaled up; float32 only. */
    public static final class Scaled {
        public final int layer;
        /** How many times as large as the sample's its inputs are. */
        public final double factor;
        public final String blob;
        public final String tensor;
        public final double floor;

        Scaled(JSONObject json) throws JSONException {
            layer = json.getInt("layer");
            factor = json.getDouble("factor");
            blob = json.getString("blob");
            tensor = json.getString("tensor");
            floor = json.getDouble("floor");
        }
    }
}
