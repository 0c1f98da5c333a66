package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/smithy-go/logging"
	"github.com/segmentio/kafka-go/sasl"
	msk "github.com/segmentio/kafka-go/sasl/aws_msk_iam_v2"
)

// IAM is the mechanism of Amazon MSK in which a request that is signed with AWS credentials takes the place of a password. Whoever
// reads one can show it again within five minutes, so it goes over TLS only.
const IAM = "aws_msk_iam"

// credentialsTimeout is how long a login waits for AWS credentials. It is less than kafka-go waits for a connection, so that what
// is said is what was waited for.
const credentialsTimeout = 4 * time.Second

// iam is kafka-go's mechanism with a bound on how long it waits, and errors that say what to do. It is safe for concurrent use.
type iam struct {
	mechanism *msk.Mechanism
	from      string        // where credentials come from
	wait      time.Duration // for them
}

// newIAM finds the region and where credentials come from as AWS's own tools do: in the environment, the shared files, a web
// identity's token, the container's endpoint or the instance's metadata. None of these is asked yet. An empty region is the one
// that is found.
func newIAM(region string) (*iam, error) {
	client := awshttp.NewBuildableClient().WithTimeout(credentialsTimeout) // what nobody waits for any more ends too
	c, err := awsconfig.LoadDefaultConfig(context.Background(),
		awsconfig.WithHTTPClient(client),
		awsconfig.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { o.HTTPClient = client }),
		awsconfig.WithRetryer(func() aws.Retryer { // within the time there is
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 200 * time.Millisecond })
		}),
		awsconfig.WithDefaultsMode(aws.DefaultsModeStandard), // in the mode auto the metadata would be asked here
		awsconfig.WithLogger(logging.Nop{}),                  // would write to standard error as it likes
	)
	if err != nil {
		return nil, fmt.Errorf("%s: AWS settings: %w", IAM, err)
	}
	if c.Region = cmp.Or(region, c.Region); c.Region == "" {
		return nil, errors.New(IAM + ": no AWS region: set region, or AWS_REGION, or the region of an AWS profile")
	}
	source := aws.CredentialSourceUndefined
	if p, ok := c.Credentials.(aws.CredentialProviderSource); ok && len(p.ProviderSources()) > 0 {
		source = p.ProviderSources()[0]
	}
	m := &iam{mechanism: msk.NewMechanism(c), wait: credentialsTimeout}
	switch source {
	case aws.CredentialSourceEnvVars:
		m.from = "the environment"
	case aws.CredentialSourceEnvVarsSTSWebIDToken, aws.CredentialSourceProfileSTSWebIDToken:
		m.from = "a web identity"
	case aws.CredentialSourceHTTP:
		m.from = "the container's endpoint"
	case aws.CredentialSourceIMDS:
		m.from = "the instance's metadata"
		if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
			return nil, errors.New(IAM + ": no AWS credentials: none in the environment or the shared files, no web identity, no container's endpoint, " +
				"and AWS_EC2_METADATA_DISABLED forbids to ask the instance")
		}
	default:
		m.from = "an AWS profile"
	}
	return m, nil
}

// Name is Kafka's of the mechanism.
func (m *iam) Name() string { return m.mechanism.Name() }

// Start signs a login to the broker that ctx names; see sasl.Mechanism. Credentials are kept until shortly before they expire.
func (m *iam) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, m.wait)
	defer cancel()
	state, payload, err := m.mechanism.Start(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, nil, fmt.Errorf("%s: no AWS credentials from %s in time", IAM, m.from)
	case err != nil:
		// Not wrapped: it is not the broker that closes a connection or refuses a login here.
		return nil, nil, fmt.Errorf("%s: no AWS credentials from %s: %v", IAM, m.from, err)
	}
	return state, payload, nil
}

// Login says in a few words how s shows who we are, or what is missing for that on this machine. It contacts nobody.
func (s *SASL) Login() (string, error) {
	if s.Mechanism != IAM {
		return s.Mechanism, nil
	}
	m, err := newIAM(s.Region)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s in %s, credentials from %s", IAM, m.mechanism.Region, m.from), nil
}
