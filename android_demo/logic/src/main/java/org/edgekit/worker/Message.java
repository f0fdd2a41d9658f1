package org.edgekit.worker;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * A message of the worker protocol, version 1: a folder with {@code message.json} and {@code tensors.bin}.
 *
 * <p>The JSON is written last, so its presence means a whole message. Tensors that were read are maps of the
 * file: they stay valid when it is deleted.
 */
public final class Message {
    public static final int PROTOCOL = 1;
    public static final String MESSAGE_FILE = "message.json";
    public static final String TENSOR_FILE = "tensors.bin";
    public static final String PROGRESS_FILE = "progress";
    private static final int ALIGNMENT = 64;

    public final JSONObject body;
    public final Map<String, Tensor> tensors;

    public Message(JSONObject body, Map<String, Tensor> tensors) {
        this.body = body;
        this.tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
    }

    /**
     * Reads the message in a folder.
     *
     * @throws IOException a file is missing or damaged, or another version wrote it
     */
    public static Message read(File folder) throws IOException {
        try {
            JSONObject body = new JSONObject(Files.readText(new File(folder, MESSAGE_FILE)));
            if (body.optInt("protocol") != PROTOCOL) {
                throw new IOException("worker protocol " + body.opt("protocol") + ", expected " + PROTOCOL);
            }
            JSONArray entries = body.getJSONArray("tensors");
            body.remove("tensors");
            return new Message(body, readTensors(new File(folder, TENSOR_FILE), entries));
        } catch (JSONException | IllegalArgumentException | ArithmeticException error) {
            throw new IOException("the message in " + folder.getName() + " is damaged: " + error.getMessage(), error);
        }
    }

    private static Map<String, Tensor> readTensors(File file, JSONArray entries) throws IOException, JSONException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try (FileInputStream stream = new FileInputStream(file)) {
            FileChannel channel = stream.getChannel();
            long size = channel.size();
            ByteBuffer all = size == 0 ? ByteBuffer.allocate(0) : channel.map(FileChannel.MapMode.READ_ONLY, 0, size);
            for (int at = 0; at < entries.length(); at++) {
                JSONObject entry = entries.getJSONObject(at);
                long start = entry.getLong("offset");
                long stop = start + entry.getLong("nbytes");
                if (start < 0 || stop < start || stop > size) {
                    throw new IOException("tensor " + entry.getString("key") + " lies outside " + TENSOR_FILE);
                }
                ByteBuffer part = all.duplicate().order(ByteOrder.LITTLE_ENDIAN);
                part.position((int) start);
                part.limit((int) stop);
                int axis = entry.isNull("batch_axis") ? Tensor.NO_BATCH_AXIS : entry.getInt("batch_axis");
                int[] shape = Json.ints(entry.getJSONArray("shape"));
                tensors.put(entry.getString("key"), new Tensor(entry.getString("dtype"), shape, axis, part));
            }
        }
        return tensors;
    }

    /** Writes the message into a folder, which is made where it is missing. */
    public void write(File folder) throws IOException {
        Files.makeFolder(folder);
        try {
            JSONArray entries = writeTensors(new File(folder, TENSOR_FILE));
            writeBody(folder, body, entries);
        } catch (JSONException error) {
            throw new IOException(error);
        }
    }

    private JSONArray writeTensors(File file) throws IOException, JSONException {
        JSONArray entries = new JSONArray();
        try (FileOutputStream stream = new FileOutputStream(file)) {
            FileChannel channel = stream.getChannel();
            for (Map.Entry<String, Tensor> each : tensors.entrySet()) {
                Tensor tensor = each.getValue();
                int gap = (int) (-channel.position() & (ALIGNMENT - 1));
                channel.write(ByteBuffer.allocate(gap));
                entries.put(
                        new JSONObject()
                                .put("key", each.getKey())
                                .put("dtype", tensor.dtype)
                                .put("shape", Json.array(tensor.shape()))
                                .put("batch_axis", tensor.batchAxis < 0 ? JSONObject.NULL : tensor.batchAxis)
                                .put("offset", channel.position())
                                .put("nbytes", tensor.bytes().remaining()));
                ByteBuffer bytes = tensor.bytes();
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
            }
        }
        return entries;
    }

    private static void writeBody(File folder, JSONObject body, JSONArray entries) throws IOException, JSONException {
        JSONObject whole = new JSONObject(body.toString()).put("protocol", PROTOCOL).put("tensors", entries);
        File part = new File(folder, MESSAGE_FILE + ".part");
        try (Writer writer = new OutputStreamWriter(new FileOutputStream(part), StandardCharsets.UTF_8)) {
            writer.write(whole.toString());
        }
        Files.rename(part, new File(folder, MESSAGE_FILE));
    }
}
