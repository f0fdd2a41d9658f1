package android.os;

public final class Bundle {
    public java.util.Set<String> keySet() {
        throw new UnsupportedOperationException("stub");
    }

    public void putString(String key, String value) {
        throw new UnsupportedOperationException("stub");
    }

    public String getString(String key) {
        throw new UnsupportedOperationException("stub");
    }

    public void putBoolean(String key, boolean value) {
        throw new UnsupportedOperationException("stub");
    }

    public boolean getBoolean(String key) {
        throw new UnsupportedOperationException("stub");
    }
}
