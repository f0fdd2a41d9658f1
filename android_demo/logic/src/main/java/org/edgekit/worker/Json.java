package org.edgekit.worker;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** What org.json lacks: arrays of numbers and texts, and numbers that JSON cannot hold. */
public final class Json {
    private Json() {}

    public static int[] ints(JSONArray array) throws JSONException {
        int[] values = new int[array.length()];
        for (int at = 0; at < values.length; at++) {
            values[at] = array.getInt(at);
        }
        return values;
    }

    public static List<String> texts(JSONArray array) throws JSONException {
        List<String> values = new ArrayList<>(array.length());
        for (int at = 0; at < array.length(); at++) {
            values.add(array.getString(at));
        }
        return values;
    }

    /** Makes something of a JSON object. */
    public interface Reader<T> {
        T read(JSONObject json) throws JSONException;
    }

    /** What a reader makes of every object in an array. */
    public static <T> List<T> each(JSONArray array, Reader<T> reader) throws JSONException {
        List<T> found = new ArrayList<>(array.length());
        for (int at = 0; at < array.length(); at++) {
            found.add(reader.read(array.getJSONObject(at)));
        }
        return Collections.unmodifiableList(found);
    }

    public static JSONArray array(int[] values) {
        JSONArray array = new JSONArray();
        for (int value : values) {
            array.put(value);
        }
        return array;
    }

    public static JSONArray array(Iterable<?> values) {
        JSONArray array = new JSONArray();
        for (Object value : values) {
            array.put(value);
        }
        return array;
    }

    /** The number, or null where JSON has none: NaN and the infinities. */
    public static Object number(double value) {
        return Double.isNaN(value) || Double.isInfinite(value) ? JSONObject.NULL : (Object) value;
    }

    /** The value, or JSON's null for Java's. */
    public static Object orNull(Object value) {
        return value == null ? JSONObject.NULL : value;
    }

    /** The text under a key, or null where there is none. */
    public static String textOrNull(JSONObject object, String key) throws JSONException {
        return object.isNull(key) ? null : object.getString(key);
    }
}
