package android.content.res;

import java.io.File;
import java.lang.reflect.Field;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** A fake of Android's resources: the texts of a strings.xml, found by the numbers in R, in English. */
public class Resources {
    private final Map<Integer, Element> texts = new HashMap<>();

    /** @param r the class R that aapt made, with {@code string} and {@code plurals} in it */
    public Resources(File strings, Class<?> r) throws Exception {
        Map<String, Element> named = new HashMap<>();
        NodeList children =
                DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(strings).getDocumentElement()
                        .getElementsByTagName("*");
        for (int at = 0; at < children.getLength(); at++) {
            Element element = (Element) children.item(at);
            if (element.hasAttribute("name")) {
                named.put(element.getAttribute("name"), element);
            }
        }
        for (Class<?> kind : r.getDeclaredClasses()) {
            if (kind.getSimpleName().equals("string") || kind.getSimpleName().equals("plurals")) {
                for (Field field : kind.getFields()) {
                    texts.put(field.getInt(null), named.get(field.getName()));
                }
            }
        }
    }

    public String getString(int id, Object... arguments) {
        return format(texts.get(id), arguments);
    }

    public String getQuantityString(int id, int quantity, Object... arguments) {
        NodeList items = texts.get(id).getElementsByTagName("item");
        String wanted = quantity == 1 ? "one" : "other";
        for (int at = 0; at < items.getLength(); at++) {
            if (((Element) items.item(at)).getAttribute("quantity").equals(wanted)) {
                return format((Element) items.item(at), arguments);
            }
        }
        throw new IllegalArgumentException("no text for " + quantity);
    }

    private static String format(Element text, Object[] arguments) {
        return String.format(Locale.ENGLISH, text.getTextContent().replace("\\n", "\n"), arguments);
    }
}
