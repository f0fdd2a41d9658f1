package android.text.style;

/** A fake that holds a colour for nobody. */
public class ForegroundColorSpan {
    public final int color;

    public ForegroundColorSpan(int color) {
        this.color = color;
    }
}
