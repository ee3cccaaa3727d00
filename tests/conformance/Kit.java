import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.eclipse.dataspacetck.core.system.ConsoleMonitor;
import org.eclipse.dataspacetck.dsp.system.DspSystemLauncher;
import org.eclipse.dataspacetck.runtime.TckRuntime;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/**
 * Runs the Dataspace Protocol's compatibility kit: java -cp 'JARS/*' Kit.java PROPERTIES [PATTERN].
 * The kit's own main class leaves with 0 whatever happened; here the last line counts, and failures leave with 1.
 * How many must pass is for the caller to say, who alone knows whether the whole kit was asked for.
 */
public final class Kit {
    private static final String TESTS = "org.eclipse.dataspacetck.dsp.verification";

    public static void main(String[] arguments) {
        var wanted = Pattern.compile(arguments.length > 1 ? arguments[1] : "");
        var settings = read(Path.of(arguments[0]));
        var debug = Boolean.parseBoolean(settings.getOrDefault("dataspacetck.debug", "false"));
        var summary = TckRuntime.Builder.newInstance()
                .launcher(DspSystemLauncher.class)
                .properties(settings)
                .addPackage(TESTS)
                .displayNameMatching(name -> wanted.matcher(name).find())
                .monitor(new ConsoleMonitor(debug, false))
                .build()
                .execute();
        tell(summary);
        System.exit(summary.getTotalFailureCount() == 0 ? 0 : 1);
    }

    private static Map<String, String> read(Path file) {
        var settings = new Properties();
        try (var reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
            settings.load(reader);
        } catch (IOException fault) {
            throw new UncheckedIOException(fault);
        }
        return settings.stringPropertyNames().stream()
                .collect(Collectors.toMap(name -> name, name -> settings.getProperty(name).strip()));
    }

    private static void tell(TestExecutionSummary summary) {
        for (var failure : summary.getFailures()) {
            System.out.printf("FAILED %s%n       %s%n", failure.getTestIdentifier().getDisplayName(), failure.getException());
        }
        System.out.printf(Locale.ROOT, "%d passed, %d failed, %d skipped%n", summary.getTestsSucceededCount(),
                summary.getTotalFailureCount(), summary.getTestsSkippedCount());
    }
}
