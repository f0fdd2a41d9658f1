package android.content.res;

public class Resources {
    public String getString(int id, Object... formatArgs) {
        throw new UnsupportedOperationException("stub");
    }

    public String getQuantityString(int id, int quantity, Object... formatArgs) {
        throw new UnsupportedOperationException("stub");
    }

    public String[] getStringArray(int id) {
        throw new UnsupportedOperationException("stub");
    }
}
