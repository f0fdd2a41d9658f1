package org.edgekit.demo;

import android.content.Context;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import org.edgekit.worker.Files;

/** Where results lie: in the app's own folder on the shared storage, from where adb pull takes them. */
final class ResultFiles {
    static final String FOLDER = "results";

    private final Context context;

    ResultFiles(Context context) {
        this.context = context;
    }

    File text(String name, String text) throws IOException {
        File file = place(name);
        Files.writeText(text + "\n", file);
        return file;
    }

    File bytes(String name, byte[] bytes) throws IOException {
        File file = place(name);
        try (OutputStream output = new FileOutputStream(file)) {
            output.write(bytes);
        }
        return file;
    }

    /** Removes an earlier result, so that nobody takes it for the one that is being made. */
    void forget(String name) throws IOException {
        Files.delete(place(name));
    }

    private File place(String name) throws IOException {
        File shared = context.getExternalFilesDir(FOLDER);
        File folder = shared != null ? shared : new File(context.getFilesDir(), FOLDER);
        Files.makeFolder(folder);
        return new File(folder, name);
    }
}
