package org.edgekit.worker;

import java.io.File;
import java.io.IOException;

/** Serves one request in a process where nothing of ncnn has run before, so that threads and caches are fresh. */
public interface Worker {
    /**
     * Reads the request in one folder and writes the result into another, which is empty.
     *
     * @return whether the worker's process lived to the end
     * @throws IOException the worker could not be started, or no result could be written
     */
    boolean serve(File request, File result) throws IOException, InterruptedException;
}
