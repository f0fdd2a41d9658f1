package android.app;

public abstract class Service extends android.content.ContextWrapper {
    public abstract android.os.IBinder onBind(android.content.Intent intent);
}
