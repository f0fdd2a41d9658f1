package org.edgekit.bundle;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.edgekit.worker.Json;
import org.json.JSONException;
import org.json.JSONObject;

/** The {@code index.json} of the assets. */
public final class BundleIndex {
    public static final String SCHEMA = "edgekit.android/1";
    public static final String FOLDER = "edgekit";
    public static final String FILE = "index.json";

    public final List<PackedBundle> bundles;

    private BundleIndex(List<PackedBundle> bundles) {
        this.bundles = bundles;
    }

    /**
     * Reads the text of the index.
     *
     * @throws IOException it is damaged, or another version wrote it
     */
    public static BundleIndex parse(String text) throws IOException {
        try {
            JSONObject json = new JSONObject(text);
            if (!SCHEMA.equals(json.optString("schema"))) {
                throw new IOException("the index is of schema " + json.optString("schema") + ", expected " + SCHEMA);
            }
            return new BundleIndex(Json.each(json.getJSONArray("bundles"), PackedBundle::new));
        } catch (JSONException error) {
            throw new IOException("the index is damaged: " + error.getMessage(), error);
        }
    }

    /** The index of an app without bundles. */
    public static BundleIndex empty() {
        return new BundleIndex(Collections.<PackedBundle>emptyList());
    }

    /**
     * The bundle of a name.
     *
     * @throws IOException there is none
     */
    public PackedBundle get(String name) throws IOException {
        List<String> names = new ArrayList<>();
        for (PackedBundle bundle : bundles) {
            if (bundle.name.equals(name)) {
                return bundle;
            }
            names.add(bundle.name);
        }
        throw new IOException("no bundle '" + name + "' in this app; it has " + names);
    }
}
