package android.text;

public class SpannableStringBuilder implements CharSequence, Spanned {
    public SpannableStringBuilder append(CharSequence text) {
        throw new UnsupportedOperationException("stub");
    }

    public SpannableStringBuilder append(char text) {
        throw new UnsupportedOperationException("stub");
    }

    public void setSpan(Object what, int start, int end, int flags) {
        throw new UnsupportedOperationException("stub");
    }

    @Override
    public int length() {
        throw new UnsupportedOperationException("stub");
    }

    @Override
    public char charAt(int where) {
        throw new UnsupportedOperationException("stub");
    }

    @Override
    public CharSequence subSequence(int start, int end) {
        throw new UnsupportedOperationException("stub");
    }
}
