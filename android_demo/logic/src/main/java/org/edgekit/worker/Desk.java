package org.edgekit.worker;

import java.io.File;
import java.io.IOException;
import org.json.JSONObject;

/** Hands requests to a worker and reads its replies; the folders in between lie below {@code folder}. */
public final class Desk {
    private final Worker worker;
    private final File folder;
    private int served;

    public Desk(Worker worker, File folder) {
        this.worker = worker;
        this.folder = folder;
    }

    /** Writes a request as files. */
    public interface Request {
        void write(File folder) throws IOException;
    }

    /**
     * Has one request served. What was on disk is gone afterwards; the reply's tensors stay mapped.
     *
     * @throws WorkerException the worker refused, or died
     */
    public Message call(Request request) throws IOException, InterruptedException, WorkerException {
        File place = new File(folder, "call" + served++);
        Files.delete(place);
        File asked = new File(place, "request");
        File result = new File(place, "result");
        try {
            Files.makeFolder(asked);
            Files.makeFolder(result);
            request.write(asked);
            boolean lived = worker.serve(asked, result);
            if (!lived || !new File(result, Message.MESSAGE_FILE).isFile()) {
                throw WorkerException.died(lastStep(result));
            }
            Message reply = Message.read(result);
            JSONObject error = reply.body.optJSONObject("error");
            if (error != null) {
                throw WorkerException.refused(error.optString("message"), error.optString("step"));
            }
            return reply;
        } finally {
            Files.delete(place);
        }
    }

    private static String lastStep(File result) {
        try {
            return Files.readText(new File(result, Message.PROGRESS_FILE));
        } catch (IOException unreadable) {
            return "";
        }
    }
}
