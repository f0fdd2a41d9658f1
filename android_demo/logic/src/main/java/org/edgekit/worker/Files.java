package org.edgekit.worker;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Files with java.io alone: java.nio.file came to Android with API level 26. */
public final class Files {
    private Files() {}

    public static String readText(File file) throws IOException {
        try (InputStream input = new FileInputStream(file)) {
            return readText(input);
        }
    }

    public static String readText(InputStream input) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        copy(input, bytes);
        return new String(bytes.toByteArray(), StandardCharsets.UTF_8);
    }

    /** Writes a text whole or not at all. */
    public static void writeText(String text, File file) throws IOException {
        File part = new File(file.getPath() + ".part");
        try (OutputStream output = new FileOutputStream(part)) {
            output.write(text.getBytes(StandardCharsets.UTF_8));
        }
        rename(part, file);
    }

    public static void copy(File source, File target) throws IOException {
        try (InputStream input = new FileInputStream(source);
                OutputStream output = new FileOutputStream(target)) {
            copy(input, output);
        }
    }

    public static void copy(InputStream input, OutputStream output) throws IOException {
        byte[] buffer = new byte[1 << 16];
        for (int read = input.read(buffer); read >= 0; read = input.read(buffer)) {
            output.write(buffer, 0, read);
        }
    }

    public static void makeFolder(File folder) throws IOException {
        if (!folder.isDirectory() && !folder.mkdirs() && !folder.isDirectory()) {
            throw new IOException("cannot make the folder " + folder);
        }
    }

    public static void rename(File source, File target) throws IOException {
        if (!source.renameTo(target)) {
            throw new IOException("cannot rename " + source + " to " + target.getName());
        }
    }

    /** Deletes a file or a folder with all that is in it; what cannot be deleted stays. */
    public static void delete(File place) {
        File[] entries = place.listFiles();
        if (entries != null) {
            for (File entry : entries) {
                delete(entry);
            }
        }
        if (!place.delete() && place.exists()) {
            place.deleteOnExit();
        }
    }
}
