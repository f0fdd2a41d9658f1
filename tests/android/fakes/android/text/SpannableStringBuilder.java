package android.text;

/** A fake that keeps the text and forgets the colours. */
public class SpannableStringBuilder implements CharSequence, Spanned {
    private final StringBuilder text = new StringBuilder();

    public SpannableStringBuilder append(CharSequence more) {
        text.append(more);
        return this;
    }

    public SpannableStringBuilder append(char more) {
        text.append(more);
        return this;
    }

    public void setSpan(Object what, int start, int end, int flags) {
        if (start >= end || end > text.length()) {
            throw new IndexOutOfBoundsException(start + " to " + end);
        }
    }

    @Override
    public int length() {
        return text.length();
    }

    @Override
    public char charAt(int where) {
        return text.charAt(where);
    }

    @Override
    public CharSequence subSequence(int start, int end) {
        return text.subSequence(start, end);
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
