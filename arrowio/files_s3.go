//go:build !nos3

package arrowio

import _ "gocloud.dev/blob/s3blob" // s3://; 10 MB of the binary, left out by -tags nos3
