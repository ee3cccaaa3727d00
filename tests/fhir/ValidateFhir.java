import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.*;
import java.util.concurrent.*;
import org.hl7.fhir.common.hapi.validation.support.*;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;

/**
 * Reads names of NDJSON files from its input, one a line, and answers each with one line of JSON: how many resources it
 * holds, and every error that HAPI's instance validator finds in them against base R4, as kind, element and count, with
 * the words of the first one. Nothing is fetched. Unknown profiles, code systems and extensions are no errors.
 */
public class ValidateFhir {
    static final int JOBS = Integer.getInteger("jobs", 2);

    /** How often one kind of error was found at one element, and what it said the first time. */
    static final class Found {
        int count;
        String words;
    }

    public static void main(String[] args) throws Exception {
        var context = FhirContext.forR4();
        var validator = validator(context);
        var pool = Executors.newFixedThreadPool(JOBS);
        var writer = new ObjectMapper();
        try (var in = new BufferedReader(new java.io.InputStreamReader(System.in))) {
            for (String name; (name = in.readLine()) != null; ) {
                System.out.println(writer.writeValueAsString(read(Path.of(name), validator, pool)));
                System.out.flush();
            }
        } finally {
            pool.shutdownNow();
        }
    }

    static FhirValidator validator(FhirContext context) {
        var terminology = new InMemoryTerminologyServerValidationSupport(context);
        terminology.setIssueSeverityForCodeDisplayMismatch(IssueSeverity.WARNING);
        var unknown = new UnknownCodeSystemWarningValidationSupport(context);
        unknown.setNonExistentCodeSystemSeverity(IssueSeverity.WARNING);
        var chain = new ValidationSupportChain(new DefaultProfileValidationSupport(context),
                new CommonCodeSystemsTerminologyService(context), terminology, new SnapshotGeneratingValidationSupport(context), unknown);
        var instance = new FhirInstanceValidator(chain);
        instance.setErrorForUnknownProfiles(false);
        instance.setAnyExtensionsAllowed(true);
        instance.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
        instance.setNoExtensibleWarnings(true);
        return context.newValidator().registerValidatorModule(instance);
    }

    static Map<String, Object> read(Path file, FhirValidator validator, ExecutorService pool) throws Exception {
        var found = new TreeMap<String, Found>();
        var waiting = new ArrayDeque<Future<List<SingleValidationMessage>>>();
        var count = 0;
        try (var lines = Files.newBufferedReader(file)) {
            for (String line; (line = lines.readLine()) != null; ) {
                if (line.isBlank()) continue;
                var json = line;
                count++;
                waiting.add(pool.submit(() -> validator.validateWithResult(json).getMessages()));
                if (waiting.size() > 8 * JOBS) tally(waiting.poll(), found);
            }
            while (!waiting.isEmpty()) tally(waiting.poll(), found);
        }
        var errors = new ArrayList<Map<String, Object>>();
        found.forEach((key, one) -> errors.add(Map.of("kind", key.substring(0, key.indexOf('\t')),
                "element", key.substring(key.indexOf('\t') + 1), "count", one.count, "words", one.words)));
        return Map.of("resources", count, "errors", errors);
    }

    static void tally(Future<List<SingleValidationMessage>> one, Map<String, Found> found) throws InterruptedException {
        try {
            for (var message : one.get()) {
                var bad = message.getSeverity() == ResultSeverityEnum.ERROR || message.getSeverity() == ResultSeverityEnum.FATAL;
                if (bad) add(found, kind(message) + "\t" + place(message), message.getMessage());
            }
        } catch (ExecutionException e) {   // no JSON, or a type of resource that R4 does not know
            add(found, "unreadable\t", String.valueOf(e.getCause()));
        }
    }

    static void add(Map<String, Found> found, String key, String words) {
        var one = found.computeIfAbsent(key, k -> new Found());
        if (one.count++ == 0) one.words = Objects.requireNonNullElse(words, "");
    }

    /** The element without positions in lists: Observation.category[1].coding[0] is Observation.category.coding. */
    static String place(SingleValidationMessage message) {
        return Objects.requireNonNullElse(message.getLocationString(), "").replaceAll("\\[\\d+\\]", "").replaceAll("/\\*.*?\\*/", "");
    }

    /** HAPI's key of the message; its fixed words too where the key alone says little. */
    static String kind(SingleValidationMessage message) {
        var key = Objects.requireNonNullElse(message.getMessageId(), "no-id").replaceFirst("^.*#", "");
        return key.startsWith("Terminology_PassThrough") || key.equals("no-id") ? key + "/" + message.getMessage().replaceFirst("(: | ').*$", "") : key;
    }
}
