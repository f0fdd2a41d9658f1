package android.os;

public final class Messenger {
    public Messenger(Handler target) {
        throw new UnsupportedOperationException("stub");
    }

    public Messenger(IBinder target) {
        throw new UnsupportedOperationException("stub");
    }

    public IBinder getBinder() {
        throw new UnsupportedOperationException("stub");
    }

    public void send(Message message) throws RemoteException {
        throw new UnsupportedOperationException("stub");
    }
}
