package org.edgekit.demo;

import android.app.Application;

/** Owns what outlives an activity: a rotation makes a new activity and leaves the running job alone. */
public final class DemoApplication extends Application {
    private Workbench workbench;

    /** Made on first use, and so never in the worker's process. Called on the main thread. */
    Workbench workbench() {
        if (workbench == null) {
            workbench = new Workbench(this);
        }
        return workbench;
    }
}
