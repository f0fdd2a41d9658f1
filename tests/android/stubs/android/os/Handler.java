package android.os;

public class Handler {
    public interface Callback { boolean handleMessage(Message msg); }

    public Handler(Looper looper) {
        throw new UnsupportedOperationException("stub");
    }

    public Handler(Looper looper, Handler.Callback callback) {
        throw new UnsupportedOperationException("stub");
    }

    public final boolean post(Runnable r) {
        throw new UnsupportedOperationException("stub");
    }
}
