package org.edgekit.worker;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * The C++ core, called in this process: loads ncnn on first use.
 *
 * <p>Whatever the core throws becomes a Java exception; a signal cannot, so the app runs this in a process of its
 * own.
 */
public final class NativeRunner implements Worker {
    static {
        System.loadLibrary("edgekit_jni");
    }

    @Override
    public boolean serve(File request, File result) throws IOException {
        serve(bytes(request), bytes(result));
        return true;
    }

    /** The version of ncnn in the library. */
    public String ncnnVersion() {
        return version();
    }

    /** Paths travel as UTF-8: JNI's own strings are another encoding. */
    private static byte[] bytes(File folder) {
        return folder.getAbsolutePath().getBytes(StandardCharsets.UTF_8);
    }

    private static native void serve(byte[] request, byte[] result) throws IOException;

    private static native String version();
}
