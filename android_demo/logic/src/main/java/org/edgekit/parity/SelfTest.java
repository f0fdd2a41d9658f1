package org.edgekit.parity;

import java.io.File;
import java.io.IOException;
import org.edgekit.worker.Desk;
import org.edgekit.worker.DeviceDescription;
import org.edgekit.worker.Files;
import org.edgekit.worker.Message;
import org.edgekit.worker.WorkerException;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** Runs the self-test that lies in a bundle's folder, and judges it. */
public final class SelfTest {
    /** The folder with the request: message.json and tensors.bin. */
    public static final String FOLDER = "selftest";
    /** Scaled inputs would leave the range of fp16, and their floors are measured in float32. */
    private static final String SCALED_IN = "fp32";

    private final File bundle;
    private final Desk desk;
    private final DeviceDescription description;

    public SelfTest(File bundle, Desk desk, DeviceDescription description) {
        this.bundle = bundle;
        this.desk = desk;
        this.description = description;
    }

    /**
     * Runs every case on ncnn, whole and layer by layer.
     *
     * @throws IOException the self-test is damaged, or the worker could not be started
     * @throws WorkerException ncnn refused the net, or died
     */
    public VerifyReport run(String precision, int threads)
            throws IOException, InterruptedException, WorkerException {
        Expected expected = Expected.read(bundle);
        JSONObject options = expected.precisions.get(precision);
        if (options == null) {
            throw new IOException("unknown precision '" + precision + "'; known: " + expected.precisions.keySet());
        }
        File packed = new File(bundle, FOLDER);
        Message references = Message.read(packed);
        Message reply = desk.call(folder -> writeRequest(packed, folder, options, precision, threads));
        try {
            Measurements measurements = new Measurements(expected, references.tensors, reply);
            JSONObject device = description.of(reply.body.getJSONObject("environment"));
            return new VerifyReport(bundle.getName(), expected, measurements, precision, device);
        } catch (JSONException error) {
            String name = bundle.getName();
            throw new IOException("the self-test of " + name + " is damaged: " + error.getMessage(), error);
        }
    }

    /** The packed request with this precision, these threads, and the files where they are. */
    private void writeRequest(File packed, File folder, JSONObject options, String precision, int threads)
            throws IOException {
        try {
            JSONObject message = new JSONObject(Files.readText(new File(packed, Message.MESSAGE_FILE)));
            JSONObject files = message.getJSONObject("files");
            for (String role : new String[] {"param", "bin"}) {
                files.put(role, new File(bundle, files.getString(role)).getAbsolutePath());
            }
            message.put("options", new JSONObject(options.toString()).put("num_threads", threads));
            if (!precision.equals(SCALED_IN)) {
                message.put("cases", withoutScaled(message.getJSONArray("cases")));
            }
            Files.copy(new File(packed, Message.TENSOR_FILE), new File(folder, Message.TENSOR_FILE));
            Files.writeText(message.toString(), new File(folder, Message.MESSAGE_FILE));
        } catch (JSONException error) {
            throw new IOException("the request in " + packed + " is damaged: " + error.getMessage(), error);
        }
    }

    private static JSONArray withoutScaled(JSONArray cases) throws JSONException {
        JSONArray kept = new JSONArray();
        for (int at = 0; at < cases.length(); at++) {
            if (!cases.getJSONObject(at).getString("id").contains(".scaled")) {
                kept.put(cases.getJSONObject(at));
            }
        }
        return kept;
    }
}
