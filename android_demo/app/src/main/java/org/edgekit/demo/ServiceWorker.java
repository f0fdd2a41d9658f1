package org.edgekit.demo;

import android.content.ComponentName;
import android.content.Context;
import android.content.Intent;
import android.content.ServiceConnection;
import android.os.Bundle;
import android.os.Handler;
import android.os.IBinder;
import android.os.Looper;
import android.os.Message;
import android.os.Messenger;
import android.os.RemoteException;
import java.io.File;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.edgekit.worker.Watch;
import org.edgekit.worker.Worker;

/** Sends requests to {@link WorkerService}, each to a fresh process. Called off the main thread. */
final class ServiceWorker implements Worker {
    private static final long END_S = 10;
    private static final long LOOK_S = 1;
    private static final double LONGEST_STEP_S = 600;

    private final Context context;

    /** @param context of the application, which outlives every activity */
    ServiceWorker(Context context) {
        this.context = context;
    }

    @Override
    public boolean serve(File request, File result) throws IOException, InterruptedException {
        Call call = new Call(request, result);
        Intent intent = new Intent(context, WorkerService.class);
        if (!context.bindService(intent, call, Context.BIND_AUTO_CREATE | Context.BIND_IMPORTANT)) {
            context.unbindService(call);
            throw new IOException("the worker's process could not be started");
        }
        try {
            call.await(new Watch(result, LONGEST_STEP_S));
        } finally {
            context.unbindService(call);
            call.end();
        }
        if (call.failure != null) {
            throw new IOException(call.failure);
        }
        return call.done;
    }

    /** One request: sent when the process is there, over when it answers or dies. */
    private static final class Call implements ServiceConnection {
        private final CountDownLatch answered = new CountDownLatch(1);
        private final CountDownLatch ended = new CountDownLatch(1);
        private final Bundle data = new Bundle();
        private volatile Messenger worker;
        private volatile boolean done;
        private volatile String failure;

        Call(File request, File result) {
            data.putString(WorkerService.REQUEST, request.getPath());
            data.putString(WorkerService.RESULT, result.getPath());
        }

        /** Waits until it is over, or has not got on for too long. */
        void await(Watch watch) throws InterruptedException {
            while (!answered.await(LOOK_S, TimeUnit.SECONDS)) {
                if (watch.isStuck()) {
                    failure = watch.why();
                    return;
                }
            }
        }

        @Override
        public void onServiceConnected(ComponentName name, IBinder service) {
            if (worker != null) {
                return; // the system started it anew after it died: that process has no request
            }
            worker = new Messenger(service);
            try {
                service.linkToDeath(this::died, 0);
                Message message = Message.obtain(null, WorkerService.SERVE);
                message.setData(data);
                message.replyTo = new Messenger(new Handler(Looper.getMainLooper(), this::answer));
                worker.send(message);
            } catch (RemoteException gone) {
                died();
            }
        }

        @Override
        public void onServiceDisconnected(ComponentName name) {
            died();
        }

        @Override
        public void onBindingDied(ComponentName name) {
            died();
        }

        private boolean answer(Message message) {
            if (message.what == WorkerService.FAILED) {
                failure = message.getData().getString(WorkerService.WHY);
            }
            done = message.what == WorkerService.DONE;
            answered.countDown();
            return true;
        }

        private void died() {
            ended.countDown();
            answered.countDown();
        }

        /** Ends the process and waits for its end, so that the next request gets another one. */
        private void end() {
            if (worker == null) {
                return;
            }
            try {
                worker.send(Message.obtain(null, WorkerService.END));
                ended.await(END_S, TimeUnit.SECONDS);
            } catch (RemoteException gone) {
                ended.countDown();
            } catch (InterruptedException cancelled) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
