package org.edgekit.demo;

/** What the workbench does at one moment. */
final class State {
    static final State IDLE = new State(0, 0, 0, null, null);

    /** The resource of the sentence that says what is being done; 0 when nothing is. */
    final int step;
    final int done;
    /** 0 where it is not known how much there is to do. */
    final int total;
    /** What the last job ended with, or null. */
    final Outcome outcome;
    /** Why the last job failed, or null. */
    final String error;

    private State(int step, int done, int total, Outcome outcome, String error) {
        this.step = step;
        this.done = done;
        this.total = total;
        this.outcome = outcome;
        this.error = error;
    }

    static State running(int step, int done, int total) {
        return new State(step, done, total, null, null);
    }

    static State ended(Outcome outcome) {
        return new State(0, 0, 0, outcome, null);
    }

    static State failed(String error) {
        return new State(0, 0, 0, null, error);
    }

    boolean isRunning() {
        return step != 0;
    }
}
