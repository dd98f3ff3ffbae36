// A server on ECS Fargate behind a load balancer, in private subnets of two zones.

import { CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { Peer, Port, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Repository, TagMutability } from 'aws-cdk-lib/aws-ecr';
import {
  Cluster, ContainerImage, ContainerInsights, CpuArchitecture, FargateService, FargateTaskDefinition, LogDriver,
  OperatingSystemFamily, Secret as TaskSecret,
} from 'aws-cdk-lib/aws-ecs';
import {
  ApplicationLoadBalancer, ApplicationProtocol, ListenerAction, SslPolicy,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';

/** What `cargo xtask deploy` renders into `aws.json`. */
export interface ServerSettings {
  readonly name: string;
  readonly title: string;
  readonly package: string;
  readonly version: string;
  readonly team: string;
  /** The name that callers use, and the certificate has. */
  readonly host: string;
  /** Ports of what it talks to. */
  readonly egress: readonly number[];
  readonly environment: Readonly<Record<string, string>>;
  /** Variables whose values are kept in Secrets Manager. */
  readonly secrets: readonly string[];
}

export interface ServerStackProps {
  readonly settings: ServerSettings;
  readonly certificateArn: string;
}

const PORT = 8080;
const USER = '65532';

export class ServerStack extends Stack {
  constructor(scope: Construct, id: string, { settings, certificateArn }: ServerStackProps) {
    super(scope, id, {
      description: `${settings.title}: ${settings.package} ${settings.version}`,
      analyticsReporting: false,
    });
    const vpc = this.network();
    const service = this.service(vpc, settings);
    const balancer = this.balancer(vpc, service, certificateArn);

    new CfnOutput(this, 'Address', {
      value: balancer.loadBalancerDnsName,
      description: `What ${settings.host} is an alias of`,
    });
    new CfnOutput(this, 'McpEndpoint', { value: `https://${settings.host}/mcp` });
  }

  private network(): Vpc {
    return new Vpc(this, 'Network', {
      maxAzs: 2,
      natGateways: 1,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24 },
        { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 24 },
      ],
    });
  }

  private service(vpc: Vpc, settings: ServerSettings): FargateService {
    const repository = new Repository(this, 'Images', {
      repositoryName: settings.package,
      imageScanOnPush: true,
      imageTagMutability: TagMutability.IMMUTABLE,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const task = new FargateTaskDefinition(this, 'Task', {
      family: settings.package,
      cpu: 256,
      memoryLimitMiB: 512,
      runtimePlatform: {
        cpuArchitecture: CpuArchitecture.X86_64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
    });
    task.addContainer('Server', {
      containerName: settings.package,
      image: ContainerImage.fromEcrRepository(repository, settings.version),
      command: ['http'],
      user: USER,
      readonlyRootFilesystem: true,
      environment: { ...settings.environment },
      secrets: this.secrets(settings),
      portMappings: [{ containerPort: PORT }],
      // Above MCP_DRAIN_DEADLINE (25 s).
      stopTimeout: Duration.seconds(30),
      healthCheck: {
        command: ['CMD', `/usr/local/bin/${settings.package}`, 'healthcheck'],
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        startPeriod: Duration.seconds(10),
        retries: 3,
      },
      logging: LogDriver.awsLogs({
        streamPrefix: settings.package,
        logGroup: new LogGroup(this, 'Logs', {
          logGroupName: `/mcp/${settings.package}`,
          retention: RetentionDays.THREE_MONTHS,
          removalPolicy: RemovalPolicy.RETAIN,
        }),
      }),
    });
    const service = new FargateService(this, 'Service', {
      cluster: new Cluster(this, 'Cluster', { vpc, containerInsightsV2: ContainerInsights.ENABLED }),
      serviceName: settings.package,
      taskDefinition: task,
      desiredCount: 2,
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { rollback: true },
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      securityGroups: [this.outgoing(vpc, settings.egress)],
    });
    service
      .autoScaleTaskCount({ minCapacity: 2, maxCapacity: 10 })
      .scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: 70 });
    return service;
  }

  /** One secret with a field for each variable; values are put there by hand, never by a template. */
  private secrets(settings: ServerSettings): Record<string, TaskSecret> {
    const secret = new Secret(this, 'Secrets', {
      secretName: `mcp/${settings.package}`,
      description: `Variables of ${settings.package}: ${settings.secrets.join(', ')}`,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    return Object.fromEntries(settings.secrets.map((name) => [name, TaskSecret.fromSecretsManager(secret, name)]));
  }

  private outgoing(vpc: Vpc, ports: readonly number[]): SecurityGroup {
    const group = new SecurityGroup(this, 'Outgoing', { vpc, allowAllOutbound: false });
    for (const port of ports) group.addEgressRule(Peer.anyIpv4(), Port.tcp(port));
    return group;
  }

  private balancer(vpc: Vpc, service: FargateService, certificateArn: string): ApplicationLoadBalancer {
    const balancer = new ApplicationLoadBalancer(this, 'Balancer', {
      vpc,
      internetFacing: true,
      vpcSubnets: { subnetType: SubnetType.PUBLIC },
      // The longest there is: a stream ends with its caller's token, and `doctor` warns of tokens that outlast an hour.
      idleTimeout: Duration.seconds(4000),
      dropInvalidHeaderFields: true,
    });
    balancer.addListener('Plain', {
      port: 80,
      defaultAction: ListenerAction.redirect({ protocol: 'HTTPS', port: '443', permanent: true }),
    });
    const listener = balancer.addListener('Secure', {
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      sslPolicy: SslPolicy.RECOMMENDED_TLS,
      certificates: [Certificate.fromCertificateArn(this, 'Certificate', certificateArn)],
    });
    listener.addTargets('Servers', {
      port: PORT,
      protocol: ApplicationProtocol.HTTP,
      targets: [service],
      deregistrationDelay: Duration.seconds(30),
      healthCheck: {
        path: '/ready',
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 3,
      },
    });
    return balancer;
  }
}
