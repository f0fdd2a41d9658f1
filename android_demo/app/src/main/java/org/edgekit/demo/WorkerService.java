package org.edgekit.demo;

import android.app.Service;
import android.content.Intent;
import android.os.Bundle;
import android.os.Handler;
import android.os.IBinder;
import android.os.Looper;
import android.os.Message;
import android.os.Messenger;
import android.os.Process;
import android.os.RemoteException;
import android.system.ErrnoException;
import android.system.Os;
import java.io.File;
import java.io.IOException;
import org.edgekit.worker.NativeRunner;

/**
 * ncnn in a process of its own, for one request.
 *
 * <p>A crash of ncnn ends this process and not the app, and every request meets an ncnn that has run nothing
 * before: kernels fix their threads when a net is loaded, and OpenMP keeps the CPUs that it started on.
 */
public final class WorkerService extends Service {
    static final int SERVE = 1;
    static final int END = 2;
    static final int DONE = 3;
    static final int FAILED = 4;
    static final String REQUEST = "request";
    static final String RESULT = "result";
    static final String WHY = "why";

    private final Messenger messenger = new Messenger(new Handler(Looper.getMainLooper(), this::handle));

    @Override
    public IBinder onBind(Intent intent) {
        return messenger.getBinder();
    }

    private boolean handle(Message message) {
        if (message.what == SERVE) {
            Bundle data = message.getData();
            Messenger client = message.replyTo;
            File request = new File(data.getString(REQUEST));
            File result = new File(data.getString(RESULT));
            new Thread(() -> serve(request, result, client), "ncnn").start();
        } else if (message.what == END) {
            Process.killProcess(Process.myPid());
        }
        return true;
    }

    private static void serve(File request, File result, Messenger client) {
        Message reply = Message.obtain(null, DONE);
        try {
            keepThreadsAwake();
            new NativeRunner().serve(request, result);
        } catch (IOException | ErrnoException | RuntimeException | LinkageError | OutOfMemoryError error) {
            reply = Message.obtain(null, FAILED);
            Bundle why = new Bundle();
            why.putString(WHY, error.toString());
            reply.setData(why);
        }
        try {
            client.send(reply);
        } catch (RemoteException gone) {
            Process.killProcess(Process.myPid());
        }
    }

    /** The same waiting of OpenMP's threads as `edgekit bench` has; read when ncnn is loaded. */
    private static void keepThreadsAwake() throws ErrnoException {
        Os.setenv("OMP_WAIT_POLICY", "active", true);
        Os.setenv("OMP_PROC_BIND", "true", true);
    }
}
