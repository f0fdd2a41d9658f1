package android.view;

public class View {
    public static final int VISIBLE = 0;

    public static final int GONE = 8;

    public interface OnClickListener { void onClick(View v); }

    public interface OnApplyWindowInsetsListener { WindowInsets onApplyWindowInsets(View v, WindowInsets insets); }

    public void setVisibility(int visibility) {
        throw new UnsupportedOperationException("stub");
    }

    public void setEnabled(boolean enabled) {
        throw new UnsupportedOperationException("stub");
    }

    public void setOnClickListener(View.OnClickListener l) {
        throw new UnsupportedOperationException("stub");
    }

    public void setOnApplyWindowInsetsListener(View.OnApplyWindowInsetsListener listener) {
        throw new UnsupportedOperationException("stub");
    }

    public void setPadding(int left, int top, int right, int bottom) {
        throw new UnsupportedOperationException("stub");
    }

    public void setKeepScreenOn(boolean keepScreenOn) {
        throw new UnsupportedOperationException("stub");
    }
}
