package org.edgekit.tests;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.edgekit.worker.Worker;

/** A program of its own for each request, as the app has a process for each. */
public final class Program implements Worker {
    private final String[] command;

    public Program(String[] command) {
        this.command = command.clone();
    }

    @Override
    public boolean serve(File request, File result) throws IOException, InterruptedException {
        List<String> line = new ArrayList<>(Arrays.asList(command));
        line.add(request.getPath());
        line.add(result.getPath());
        File nowhere = new File("/dev/null");
        Process process = new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(nowhere).start();
        return process.waitFor() == 0;
    }
}
