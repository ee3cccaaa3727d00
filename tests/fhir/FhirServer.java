import ca.uhn.fhir.batch2.api.IJobMaintenanceService;
import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.batch2.jobs.export.BulkDataExportProvider;
import ca.uhn.fhir.batch2.maintenance.JobMaintenanceServiceImpl;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.binary.api.IBinaryStorageSvc;
import ca.uhn.fhir.jpa.binstore.DatabaseBinaryContentStorageSvcImpl;
import ca.uhn.fhir.jpa.config.HapiJpaConfig;
import ca.uhn.fhir.jpa.config.HibernatePropertiesProvider;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirH2Dialect;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.rest.server.HardcodedServerAddressStrategy;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import jakarta.persistence.EntityManagerFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import javax.sql.DataSource;
import org.apache.commons.dbcp2.BasicDataSource;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;

/**
 * HAPI FHIR's JPA server for R4 on loopback, with bulk export, over H2: a hospital's server, for tests.
 *
 * System properties: database (a JDBC address of H2), port (0: any that is free), portFile (written once it serves),
 * exportFileResources (lines a file). It ends on SIGTERM.
 */
public class FhirServer {
    static final String DATABASE = System.getProperty("database", "jdbc:h2:mem:fhir;DB_CLOSE_DELAY=-1");

    public static void main(String[] args) throws Exception {
        var jetty = new Server();
        var connector = new ServerConnector(jetty);
        connector.setHost("127.0.0.1");
        connector.setPort(Integer.getInteger("port", 0));
        jetty.addConnector(connector);
        connector.open();   // claims the port first, so that the base address is known and a taken port fails at once
        var base = "http://127.0.0.1:" + connector.getLocalPort() + "/fhir";

        var context = new AnnotationConfigApplicationContext(Settings.class);
        var web = new ServletContextHandler("/");
        web.addServlet(new ServletHolder(servlet(context, base)), "/fhir/*");
        jetty.setHandler(web);
        jetty.setStopAtShutdown(true);
        jetty.start();
        if (System.getProperty("portFile") != null) {
            Files.writeString(Path.of(System.getProperty("portFile")), Integer.toString(connector.getLocalPort()));
        }
        jetty.join();
        context.close();
    }

    static RestfulServer servlet(AnnotationConfigApplicationContext context, String base) {
        var server = new RestfulServer(context.getBean(FhirContext.class));
        var settings = context.getBean(JpaStorageSettings.class);
        server.setServerAddressStrategy(new HardcodedServerAddressStrategy(base));
        server.registerProviders(context.getBean(ResourceProviderFactory.class).createProviders());
        server.registerProvider(context.getBean(JpaSystemProvider.class));
        server.registerProvider(context.getBean(BulkDataExportProvider.class));
        server.setPagingProvider(context.getBean(DatabaseBackedPagingProvider.class));
        server.setServerConformanceProvider(new JpaCapabilityStatementProvider(server, context.getBean(IFhirSystemDao.class), settings,
                context.getBean(ISearchParamRegistry.class), context.getBean("myJpaValidationSupportChain", IValidationSupport.class)));
        return server;
    }

    @Configuration(proxyBeanMethods = false)
    @Import({JpaR4Config.class, HapiJpaConfig.class, JpaBatch2Config.class, Batch2JobsConfig.class, ThreadPoolFactoryConfig.class,
            SubscriptionChannelConfig.class})
    public static class Settings {
        @Bean
        JpaStorageSettings storageSettings() {
            var settings = new JpaStorageSettings();
            settings.setResourceClientIdStrategy(JpaStorageSettings.ClientIdStrategyEnum.ANY);
            settings.setResourceServerIdStrategy(JpaStorageSettings.IdStrategyEnum.UUID);
            settings.setAllowExternalReferences(true);
            settings.setAutoCreatePlaceholderReferenceTargets(false);   // nothing but what was put there
            settings.setEnforceReferentialIntegrityOnWrite(false);
            settings.setEnforceReferentialIntegrityOnDelete(false);
            settings.setReuseCachedSearchResultsForMillis(null);   // a test reads its own writes
            settings.setJobFastTrackingEnabled(true);
            settings.setBulkExportFileMaximumCapacity(Integer.getInteger("exportFileResources", 10_000));
            return settings;
        }

        /** Steps of an export are taken on a maintenance pass: one a minute, unless somebody says otherwise. */
        @Bean
        SmartInitializingSingleton frequentMaintenance(ObjectProvider<IJobMaintenanceService> maintenance) {
            return () -> ((JobMaintenanceServiceImpl) maintenance.getObject()).setScheduledJobFrequencyMillis(200);
        }

        @Bean
        PartitionSettings partitionSettings() { return new PartitionSettings(); }

        @Bean
        SubscriptionSettings subscriptionSettings() { return new SubscriptionSettings(); }

        @Bean
        IBinaryStorageSvc binaryStorage() { return new DatabaseBinaryContentStorageSvcImpl(); }

        @Bean(destroyMethod = "close")
        BasicDataSource dataSource() {
            var source = new BasicDataSource();
            source.setUrl(DATABASE);
            source.setUsername("sa");
            source.setPassword("");
            source.setMaxTotal(20);
            return source;
        }

        @Bean
        @Primary
        LocalContainerEntityManagerFactoryBean entityManagerFactory(DataSource source, ConfigurableListableBeanFactory beans,
                                                                    FhirContext context, JpaStorageSettings settings) {
            var factory = HapiEntityManagerFactoryUtil.newEntityManagerFactory(beans, context, settings);
            factory.setPersistenceUnitName("fhir");
            factory.setDataSource(source);
            var jpa = new Properties();
            jpa.put("hibernate.dialect", HapiFhirH2Dialect.class.getName());
            jpa.put("hibernate.hbm2ddl.auto", "update");
            jpa.put("hibernate.jdbc.batch_size", "50");
            jpa.put("hibernate.order_inserts", "true");
            jpa.put("hibernate.order_updates", "true");
            jpa.put("hibernate.search.enabled", "false");
            factory.setJpaProperties(jpa);
            return factory;
        }

        @Bean
        @Primary
        HibernatePropertiesProvider hibernatePropertiesProvider() { return new HibernatePropertiesProvider(); }

        @Bean
        @Primary
        JpaTransactionManager transactionManager(EntityManagerFactory factory) { return new JpaTransactionManager(factory); }
    }
}
