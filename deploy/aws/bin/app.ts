// One stack for every deploy/<server>/aws.json, named after its package: `npx cdk deploy mcp-weather`.
//
// Account and region are those of the environment; `--context certificate=ARN` names the certificate of the hosts.

import * as fs from 'node:fs';
import * as path from 'node:path';
import { App, Tags } from 'aws-cdk-lib';
import { ServerStack, type ServerSettings } from '../lib/server-stack';

const servers = path.join(process.cwd(), '..');

const app = new App({ analyticsReporting: false });
const certificateArn = (app.node.tryGetContext('certificate') as string | undefined)
  ?? 'arn:aws:acm:eu-central-1:111122223333:certificate/00000000-0000-0000-0000-000000000000';

for (const folder of fs.readdirSync(servers).sort()) {
  const file = path.join(servers, folder, 'aws.json');
  if (!fs.existsSync(file)) continue;
  const settings = JSON.parse(fs.readFileSync(file, 'utf8')) as ServerSettings;
  const stack = new ServerStack(app, settings.package, { settings, certificateArn });
  Tags.of(stack).add('team', settings.team);
}
