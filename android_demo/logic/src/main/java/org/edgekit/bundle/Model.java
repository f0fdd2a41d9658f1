package org.edgekit.bundle;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.edgekit.parity.Expected;
import org.edgekit.parity.SelfTest;
import org.edgekit.worker.Message;
import org.edgekit.worker.Tensor;
import org.json.JSONException;
import org.json.JSONObject;

/** A packed bundle whose files lie in a folder of this device. */
public final class Model {
    private static final String PARAM = "model.ncnn.param";
    private static final String BIN = "model.ncnn.bin";

    public final PackedBundle bundle;
    public final File folder;

    public Model(PackedBundle bundle, File folder) {
        this.bundle = bundle;
        this.folder = folder;
    }

    /** The {@code files} of a request. */
    public JSONObject files() throws JSONException {
        return new JSONObject()
                .put("param", new File(folder, PARAM).getAbsolutePath())
                .put("bin", new File(folder, BIN).getAbsolutePath());
    }

    /**
     * The {@code options} of a request.
     *
     * @throws IOException there is no such precision, or the self-test that knows them is damaged
     */
    public JSONObject options(String precision, int threads) throws IOException, JSONException {
        JSONObject flags = Expected.read(folder).precisions.get(precision);
        if (flags == null) {
            throw new IOException("unknown precision '" + precision + "'");
        }
        return new JSONObject(flags.toString()).put("num_threads", threads).put("use_vulkan_compute", false);
    }

    /** The inputs of the first sample that the bundle was exported with, by blob. */
    public Map<String, Tensor> referenceInputs() throws IOException {
        Expected.Sample sample = Expected.read(folder).samples.get(0);
        Message packed = Message.read(new File(folder, SelfTest.FOLDER));
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        for (Port port : bundle.inputs) {
            Expected.Blob known = sample.blobs.get(port.blob);
            if (known == null) {
                throw new IOException("the self-test has no reference of the input '" + port.name + "'");
            }
            inputs.put(port.blob, packed.tensors.get(known.tensor));
        }
        return inputs;
    }

    /** The digest of structure, runtime and weights by which {@code edgekit bench} knows a model again. */
    public String sha256() throws IOException {
        MessageDigest whole = digest();
        update(whole, new File(folder, PARAM));
        whole.update("ncnn".getBytes(StandardCharsets.US_ASCII));
        MessageDigest weights = digest();
        update(weights, new File(folder, BIN));
        whole.update(weights.digest());
        return hex(whole.digest());
    }

    /** The sha256 of a stream that is read to its end. */
    public static String sha256(InputStream input) throws IOException {
        MessageDigest digest = digest();
        update(digest, input);
        return hex(digest.digest());
    }

    private static void update(MessageDigest digest, File file) throws IOException {
        try (InputStream input = new FileInputStream(file)) {
            update(digest, input);
        }
    }

    private static void update(MessageDigest digest, InputStream input) throws IOException {
        byte[] buffer = new byte[1 << 16];
        for (int read = input.read(buffer); read >= 0; read = input.read(buffer)) {
            digest.update(buffer, 0, read);
        }
    }

    private static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible); // every Java and every Android has it
        }
    }

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder(2 * bytes.length);
        for (byte each : bytes) {
            text.append(Character.forDigit(each >> 4 & 15, 16)).append(Character.forDigit(each & 15, 16));
        }
        return text.toString();
    }
}
