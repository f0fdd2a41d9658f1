package android.view;

public final class WindowInsets {
    @Deprecated public int getSystemWindowInsetLeft() {
        throw new UnsupportedOperationException("stub");
    }

    @Deprecated public int getSystemWindowInsetTop() {
        throw new UnsupportedOperationException("stub");
    }

    @Deprecated public int getSystemWindowInsetRight() {
        throw new UnsupportedOperationException("stub");
    }

    @Deprecated public int getSystemWindowInsetBottom() {
        throw new UnsupportedOperationException("stub");
    }
}
