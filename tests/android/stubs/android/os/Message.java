package android.os;

public final class Message {
    public int what;

    public Messenger replyTo;

    public static Message obtain(Handler h, int what) {
        throw new UnsupportedOperationException("stub");
    }

    public Bundle getData() {
        throw new UnsupportedOperationException("stub");
    }

    public void setData(Bundle data) {
        throw new UnsupportedOperationException("stub");
    }
}
