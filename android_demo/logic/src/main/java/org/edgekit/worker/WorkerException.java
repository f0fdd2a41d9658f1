package org.edgekit.worker;

/** The worker refused a request, or its process died; {@code step} is what it was doing, empty where unknown. */
public final class WorkerException extends Exception {
    private static final long serialVersionUID = 1;

    public final String step;
    public final boolean crashed;

    private WorkerException(String message, String step, boolean crashed) {
        super(step.isEmpty() ? message : message + " (" + step + ")");
        this.step = step;
        this.crashed = crashed;
    }

    /** ncnn or the worker said no, in its own words. */
    public static WorkerException refused(String message, String step) {
        return new WorkerException(message, step, false);
    }

    /** The process of the worker ended without an answer. */
    public static WorkerException died(String step) {
        return new WorkerException("ncnn died", step.isEmpty() ? "start-up" : step, true);
    }
}
